"""What the OpenAPI document says of API keys: where they go, which routes ask for one, what is refused."""

from collections.abc import Mapping
from typing import Any, Final

from service.refusals import Code
from service.routes import Route
from service.settings import settings

Node = dict[str, Any]

SCHEMES: Final[Mapping[str, Node]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
CHALLENGE: Final[Node] = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}


def gate_codes(route: Route) -> tuple[Code, ...]:
    """The refusals of the gate before `route`; none before an open one."""
    return () if route.is_open else ("unauthorized", "rate_limited")


def who_may_ask(route: Route) -> list[Node]:
    """One API key or another where there are keys; anybody where there are none, or on an open route."""
    with_key: list[Node] = [{name: []} for name in SCHEMES]
    has_keys = settings().api_keys is not None or settings().api_keys_file is not None
    return with_key if has_keys and not route.is_open else [{}]
