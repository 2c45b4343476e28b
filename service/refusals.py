"""The error table: what goes wrong below, and the status, code and body that a client sees for it.

The one place that translates; http-api.md calls the body "one body everywhere".
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, Literal

from fashion.errors import (
    FashionError,
    InvalidValue,
    PictureError,
    PictureTooLarge,
    UnknownModel,
    WrongKind,
)

# A client's own words are repeated in messages, but no more of them than this many characters.
_LONGEST_ECHO: Final = 80


Code = Literal[
    "invalid_request",
    "unauthorized",
    "not_found",
    "unknown_model",
    "method_not_allowed",
    "not_acceptable",
    "request_timeout",
    "too_large",
    "unsupported_media_type",
    "invalid_image",
    "overloaded",
    "rate_limited",
    "internal",
    "not_ready",
    "timeout",
]

STATUS: Final[Mapping[Code, HTTPStatus]] = {
    "invalid_request": HTTPStatus.BAD_REQUEST,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "not_found": HTTPStatus.NOT_FOUND,
    "unknown_model": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "not_acceptable": HTTPStatus.NOT_ACCEPTABLE,
    "request_timeout": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "invalid_image": HTTPStatus.UNPROCESSABLE_ENTITY,
    "overloaded": HTTPStatus.TOO_MANY_REQUESTS,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "not_ready": HTTPStatus.SERVICE_UNAVAILABLE,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
}

_CODES: Final[Mapping[type[FashionError], Code]] = {
    PictureTooLarge: "too_large",
    PictureError: "invalid_image",
    InvalidValue: "invalid_request",
    WrongKind: "invalid_request",
    UnknownModel: "unknown_model",
}
_FIELDS: Final[Mapping[type[FashionError], str]] = {WrongKind: "model", UnknownModel: "model"}


class Refusal(Exception):
    """A request that is not answered with a result. `field` names the part of it that is at fault."""

    def __init__(
        self, code: Code, message: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.field = field
        self.headers = headers or {}

    def body(self) -> bytes:
        """The error body, ASCII JSON: whatever a client sent can be told back in it."""
        error = {"code": self.code, "message": self.message, "field": self.field}
        return json.dumps({"error": error}).encode()

    def protocol_body(self) -> bytes:
        """The error body under /v2, as the Open Inference Protocol has it: one sentence."""
        return json.dumps({"error": self.message}).encode()


def invalid_request(message: str, *, field: str | None = None) -> Refusal:
    """A request that is malformed, or an option that is missing, unknown, mistyped or out of range."""
    return Refusal("invalid_request", message, field=field)


def too_large(message: str, *, field: str | None = None) -> Refusal:
    """A request beyond one of the limits."""
    return Refusal("too_large", message, field=field)


def overloaded(message: str) -> Refusal:
    """A request that finds the queue full; it may come again in a second."""
    return Refusal("overloaded", message, headers={"Retry-After": "1"})


def not_ready(message: str) -> Refusal:
    """A request that needs a model which could not be loaded."""
    return Refusal("not_ready", message, headers={"Retry-After": "1"})


def request_timeout(seconds: float) -> Refusal:
    """A request that was sent too slowly; its connection is of no further use."""
    message = f"The request was not received within {seconds:g} s: send it faster, or send less"
    return Refusal("request_timeout", message, headers={"Connection": "close"})


def answer_timeout(seconds: float) -> Refusal:
    """A request that could not be answered in time."""
    message = f"The answer took longer than {seconds:g} s: send fewer or smaller pictures, or try again later"
    return Refusal("timeout", message)


def internal() -> Refusal:
    """A defect of the service: the log has the details, the client gets none."""
    return Refusal("internal", "The service failed on this request; the log tells why, by the request's id")


def refusal_of(error: Exception) -> Refusal:
    """What `error` becomes: itself, a row of the table, or `internal` for what nobody foresaw."""
    if isinstance(error, Refusal):
        return error
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return Refusal(code, str(error), field=getattr(error, "field", None) or _FIELDS.get(kind))
    return internal()


def echo(value: object) -> str:
    """What a client sent, as it may be told back: on one line, printable, and not too long."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    text = json.dumps(value[: _LONGEST_ECHO + 1] if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"
