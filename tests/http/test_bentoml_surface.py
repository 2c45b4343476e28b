"""What service/wire.py and service/bento.py rely on in BentoML without its documentation saying so.

If an upgrade moves one of these, this file says which, before a request fails for no visible reason.
"""

import inspect
from typing import Any, cast

import bentoml
import httpx
from _bentoml_impl.server.serving import server_on_deployment  # type: ignore[import-untyped]  # no types
from bentoml._internal.utils import circus as bentoml_circus

from service import wire
from service.service import FashionService
from service.supervision import PromptArbiter
from service.wire import ClassifyInput, ClassifyOutput

WHY = "BentoML has moved it: read service/wire.py before you upgrade"


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_descriptors_still_read_and_write_what_ours_override():
    assert parameters(bentoml.IODescriptor.from_http_request) == ["request", "serde"], WHY
    assert parameters(bentoml.IODescriptor.to_http_response) == ["obj", "serde"], WHY
    assert inspect.getmodule(ClassifyInput.from_http_request) is wire
    assert inspect.getmodule(ClassifyOutput.to_http_response) is wire


def test_a_service_still_knows_its_endpoints_with_their_descriptors():
    service: Any = FashionService
    assert service.apis.keys() == {"classify", "encode", "reconstruct", "generate"}, WHY
    classify = service.apis["classify"]
    assert classify.route == "/classify", WHY
    assert classify.input_spec is ClassifyInput, WHY
    assert classify.output_spec is ClassifyOutput, WHY
    assert inspect.iscoroutinefunction(classify.func), WHY


def test_a_service_class_may_still_wrap_the_application_and_its_document():
    assert "service_class" in parameters(bentoml.service), WHY
    assert parameters(bentoml.Service.to_asgi) == ["self", "is_main"], WHY
    assert isinstance(bentoml.Service.openapi_spec, property), WHY


def test_the_running_instance_can_still_be_asked_for(client: httpx.Client):
    assert bentoml.get_current_service().catalogue.ready, WHY


def test_bentomls_own_layers_are_off(client: httpx.Client):
    service: Any = FashionService
    inner = service.to_asgi()._app
    names = {middleware.cls.__name__ for middleware in inner.user_middleware}
    assert not names & {
        "RunnerTrafficMetricsMiddleware",
        "AccessLogMiddleware",
        "MaxConcurrencyMiddleware",
        "TimeoutMiddleware",
    }
    assert "bentoml_service_request" not in client.get("/metrics").text


def test_the_arbiter_can_still_be_extended_before_it_is_made():
    before = bentoml_circus.Arbiter
    assert issubclass(PromptArbiter, before)
    for name in ("initialize", "manage_watchers", "stop"):
        assert callable(getattr(before, name)), WHY
    try:
        server_on_deployment(cast("bentoml.Service[Any]", FashionService))
        assert bentoml_circus.Arbiter is PromptArbiter, WHY
        assert "Arbiter" in bentoml_circus.create_standalone_arbiter.__code__.co_names, WHY
    finally:
        bentoml_circus.Arbiter = before  # type: ignore[misc]  # its class is a name there
