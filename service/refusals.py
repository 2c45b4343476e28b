"""The error table: what goes wrong below, and the status, code and body that a client sees for it.

The one place that translates; http-api.md calls the body "one body everywhere".
"""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fashion.errors import (
    FashionError,
    InvalidValue,
    PictureError,
    PictureTooLarge,
    UnknownModel,
    WrongKind,
)

logger = logging.getLogger(__name__)

# A client's own words are repeated in messages, but no more of them than this many characters.
_LONGEST_ECHO: Final = 80


class Refusal(Exception):
    """A request that is not answered with a result. `field` names what is at fault, if a part of the request is."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers or {}

    def body(self) -> bytes:
        """The error body, ASCII JSON: whatever a client sent can be told back in it."""
        error = {"code": self.code, "message": self.message, "field": self.field}
        return json.dumps({"error": error}).encode()


def invalid_request(message: str, *, field: str | None = None) -> Refusal:
    """A request that is malformed, or an option that is missing, unknown, of the wrong type or out of range."""
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid_request", message, field=field)


def too_large(message: str, *, field: str | None = None) -> Refusal:
    """A request beyond one of the limits."""
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message, field=field)


def overloaded(message: str) -> Refusal:
    """A request that finds the queue full; it may come again in a second."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS, "overloaded", message, headers={"Retry-After": "1"}
    )


def not_ready(message: str) -> Refusal:
    """A request that needs a model which could not be loaded."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", message, headers={"Retry-After": "1"})


def request_timeout(seconds: float) -> Refusal:
    """A request that was sent too slowly; its connection is of no further use."""
    message = f"The request was not received within {seconds:g} s: send it faster, or send less"
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", message, headers={"Connection": "close"})


def answer_timeout(seconds: float) -> Refusal:
    """A request that could not be answered in time."""
    message = f"The answer took longer than {seconds:g} s: send fewer or smaller pictures, or try again later"
    return Refusal(HTTPStatus.GATEWAY_TIMEOUT, "timeout", message)


def internal() -> Refusal:
    """A defect of the service: the log has the details, the client gets none."""
    message = "The service failed on this request; its operator finds the reason in the log by the request id"
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message)


_FIELDS: Final[dict[type[FashionError], str]] = {WrongKind: "model", UnknownModel: "model"}
_CODES: Final[dict[type[FashionError], tuple[HTTPStatus, str]]] = {
    PictureTooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large"),
    PictureError: (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_image"),
    InvalidValue: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    WrongKind: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    UnknownModel: (HTTPStatus.NOT_FOUND, "unknown_model"),
}


def refusal_of(error: Exception) -> Refusal:
    """The refusal that `error` becomes: itself, a row of the table, or, for what nobody foresaw, a logged 500."""
    if isinstance(error, Refusal):
        return error
    for kind, (status, code) in _CODES.items():
        if isinstance(error, kind):
            field = getattr(error, "field", None) or _FIELDS.get(kind)
            return Refusal(status, code, str(error), field=field)
    logger.error("unforeseen", exc_info=error)
    return internal()


def echo(value: object) -> str:
    """What a client sent, as it may be told back: on one line, printable, and not too long."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    text = json.dumps(value[: _LONGEST_ECHO + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"
