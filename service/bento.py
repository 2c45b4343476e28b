"""Where our layers and BentoML's are put together: the guard outside, our OpenAPI document inside, and a
short way between a request and its endpoint.

`service_class` is BentoML's own hook for this; a middleware would stand inside BentoML's layers, whose error
bodies and metrics are not ours (docs/decisions/0101).
"""

from typing import Any, Final

import bentoml
import yaml
from bentoml.models import BentoModel

from service.connections import guard_connections
from service.exchange import Receive, Scope
from service.guard import ASGIApp, Guard, Outlet
from service.inference_protocol.endpoints import protocol_endpoint
from service.openapi import openapi_document
from service.routes import PROTOCOL_ROUTES
from service.settings import settings
from service.store import stable_tag
from service.wire import Incoming

# It keeps a timer for every request until the timeout is over, however soon the request was, and cannot be
# configured away; deadlines are the guard's and the work's.
_LEFT_OUT: Final = frozenset({"TimeoutMiddleware"})


class GuardedService(bentoml.Service[Any]):
    """BentoML's service, with the guard around its application."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """The application that a worker serves."""
        app = super().to_asgi(is_main)
        guard_connections()
        app.user_middleware = [layer for layer in app.user_middleware if layer.cls.__name__ not in _LEFT_OUT]
        endpoints = {api.route: short_way(api) for api in self.apis.values()}
        endpoints |= dict.fromkeys(PROTOCOL_ROUTES, protocol_endpoint)
        return Guard(app, endpoints, settings())

    @property
    def openapi_spec(self) -> Any:
        """What /docs.json and the Bento tell of the HTTP interface."""
        return OpenAPIDocument(openapi_document())


def short_way(api: Any) -> ASGIApp:
    """From a request to a `@bentoml.api` endpoint and back, by what its own descriptors are made of.

    BentoML looks everything about an endpoint up again for each request, which takes longer than a small
    picture's whole answer (docs/decisions/0103); here it is known from the start.
    """
    endpoint, written = api.func, api.output_spec.written
    current_service = (
        bentoml.get_current_service
    )  # which `bentoml` imports anew each time that it is asked for

    async def answer(scope: Scope, receive: Receive, outlet: Outlet) -> None:
        body, media_type = written(await endpoint(current_service(), Incoming(scope, receive)))
        await outlet.answer(body, media_type)

    return answer


class OpenAPIDocument(dict[str, Any]):
    """Our document in the two forms that BentoML asks for: by `asdict`, and through PyYAML's dumper."""

    def asdict(self) -> dict[str, Any]:
        """The document itself."""
        return dict(self)


yaml.add_representer(OpenAPIDocument, lambda dumper, document: dumper.represent_dict(document.asdict()))


def pinned_model(name: str) -> BentoModel | None:
    """The version of `name` that `stable` names now, as BentoML packs it into a Bento; None where there is
    none."""
    tag = stable_tag(name)
    return BentoModel(tag) if tag else None
