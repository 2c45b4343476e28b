"""The application that a worker serves: the guard around BentoML's, and a short way between a request and its
endpoint."""

from collections.abc import Iterable
from typing import Any, Final

import bentoml

from service.connections import guard_connections
from service.exchange import Receive, Scope
from service.guard import ASGIApp, Guard, Outlet
from service.inference_protocol.endpoints import protocol_endpoint
from service.routes import PROTOCOL_ROUTES
from service.settings import settings
from service.wire import Incoming

# It keeps a timer for every request until the timeout is over, however soon the request was, and cannot be
# configured away; deadlines are the guard's and the work's.
_LEFT_OUT: Final = frozenset({"TimeoutMiddleware"})


def guarded(app: Any, apis: Iterable[Any]) -> Guard:
    """BentoML's application `app` with our layers around it and in place of its own; `apis` are its
    endpoints."""
    guard_connections()
    app.user_middleware = [layer for layer in app.user_middleware if layer.cls.__name__ not in _LEFT_OUT]
    endpoints = {api.route: short_way(api) for api in apis}
    endpoints |= dict.fromkeys(PROTOCOL_ROUTES, protocol_endpoint)
    return Guard(app, endpoints, settings())


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
