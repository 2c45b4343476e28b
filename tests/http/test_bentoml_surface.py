"""What service/wire.py and service/bento.py rely on in BentoML without its documentation saying so.

If an upgrade moves one of these, this file says which, before a request fails for no visible reason.
"""

import inspect
from typing import Any

import bentoml
import httpx
from _bentoml_impl.server.app import ServiceAppFactory  # type: ignore[import-untyped]

from service import wire
from service.service import FashionService
from service.wire import ClassifyInput, ClassifyOutput, Incoming
from tests.http.pictures import parts, picture

WHY = "BentoML has moved it: read service/wire.py before you upgrade"


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_an_input_is_read_by_from_http_request():
    assert parameters(bentoml.IODescriptor.from_http_request) == ["request", "serde"], WHY
    assert inspect.iscoroutinefunction(bentoml.IODescriptor.from_http_request), WHY
    assert "input_spec.from_http_request" in inspect.getsource(ServiceAppFactory.api_endpoint), WHY


def test_an_answer_is_written_by_to_http_response():
    assert parameters(bentoml.IODescriptor.to_http_response) == ["obj", "serde"], WHY
    assert inspect.iscoroutinefunction(bentoml.IODescriptor.to_http_response), WHY
    source = inspect.getsource(ServiceAppFactory.api_endpoint)
    assert "output_spec.to_http_response" in source, WHY
    assert "isinstance(output, Response)" in source, WHY


def test_an_endpoint_is_called_with_what_model_fields_names():
    assert "getattr(input_data, k) for k in input_data.model_fields" in inspect.getsource(
        ServiceAppFactory.api_endpoint
    ), WHY
    assert Incoming.model_fields == ("incoming",)


def test_our_descriptors_override_both():
    assert inspect.getmodule(ClassifyInput.from_http_request) is wire
    assert inspect.getmodule(ClassifyOutput.to_http_response) is wire


def test_a_service_class_may_wrap_the_application_and_its_document():
    assert "service_class" in parameters(bentoml.service), WHY
    assert parameters(bentoml.Service.to_asgi) == ["self", "is_main"], WHY
    assert isinstance(bentoml.Service.openapi_spec, property), WHY
    service: Any = FashionService
    assert type(service.to_asgi()).__name__ == "Guard"


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


def test_a_request_goes_through_bentomls_endpoint(client: httpx.Client):
    response = client.post("/classify", files=parts(picture()))
    assert response.headers["server"] == "BentoML Service/fashion"
