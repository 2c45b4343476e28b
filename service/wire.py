"""BentoML's typed surface on our own reading and writing: the one module that overrides what it does not
document.

BentoML reads a request by `IODescriptor.from_http_request` and writes an answer by `to_http_response`; both
have limits of none and errors of their own, so both are replaced here (docs/decisions/0101). The schemas
stay BentoML's, so that /schema.json and `bentoml.SyncHTTPClient` work. tests/http/test_bentoml_surface.py
fails if an upgrade moves what this module relies on.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import bentoml
from bentoml.validators import ContentType
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from service.exchange import SCOPE_KEY, Exchange
from service.incoming import Asked, read_request
from service.options import AnyOptions
from service.receiving import ClientGone
from service.refusals import refusal_of
from service.routes import JSON, PNG
from service.schemas import (
    ClassifyAnswer,
    ClassifyOptions,
    EncodeAnswer,
    GenerateAnswer,
    GenerateOptions,
    PictureOptions,
    ReconstructAnswer,
)
from service.settings import Settings


class Incoming:
    """A request as an endpoint gets it: not read yet, so that whatever is wrong with it is raised in the
    endpoint."""

    # BentoML calls an endpoint with the attributes that `model_fields` of its input names.
    model_fields: Final = ("incoming",)

    def __init__(self, request: Request) -> None:
        self._scope = request.scope
        self._receive = request.receive
        self.exchange: Exchange = request.scope[SCOPE_KEY]

    @property
    def incoming(self) -> "Incoming":
        """The argument that every endpoint takes."""
        return self

    async def read(self, options: type[AnyOptions], settings: Settings) -> Asked[AnyOptions]:
        """Read pictures and options; raises the refusal of what cannot be read."""
        return await read_request(
            self.exchange, self._scope["query_string"], self._receive, options, settings
        )


class _Input(bentoml.IODescriptor):
    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:  # noqa: ARG003
        return Incoming(request)


class _PicturesInput(_Input):
    images: Annotated[
        list[Annotated[Path, ContentType("image/*")]],
        Field(description="The pictures: JPEG, PNG, WebP, AVIF, HEIC, GIF (first frame), BMP or TIFF."),
    ]


class ClassifyInput(ClassifyOptions, _PicturesInput):
    """What the SDK sends to /classify."""


class EncodeInput(PictureOptions, _PicturesInput):
    """What the SDK sends to /encode."""


class ReconstructInput(PictureOptions, _PicturesInput):
    """What the SDK sends to /reconstruct."""


class GenerateInput(GenerateOptions, _Input):
    """What the SDK sends to /generate."""


class _Output(bentoml.IODescriptor):
    @classmethod
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:  # noqa: ARG003
        return Response(obj.__pydantic_serializer__.to_json(obj), media_type=JSON)


class ClassifyOutput(ClassifyAnswer, _Output):
    """What the SDK gets from /classify."""


class EncodeOutput(EncodeAnswer, _Output):
    """What the SDK gets from /encode."""


class ReconstructOutput(ReconstructAnswer, _Output):
    """What the SDK gets from /reconstruct."""


class GenerateOutput(GenerateAnswer, _Output):
    """What the SDK gets from /generate."""


class Sheet(Response):
    """A PNG answer; BentoML passes a ready response on as it is."""

    media_type = PNG


Service = TypeVar("Service")
Answer = TypeVar("Answer")
Endpoint = Callable[[Service, Incoming], Awaitable[Answer]]


def refusing(endpoint: Endpoint[Service, Answer]) -> Endpoint[Service, Answer | Response]:
    """Let an endpoint raise: the guard sends what that means, past BentoML's own error bodies."""

    @wraps(endpoint)
    async def answered(self: Service, incoming: Incoming) -> Answer | Response:
        try:
            return await endpoint(self, incoming)
        except ClientGone:
            incoming.exchange.abandoned = True
        except Exception as error:  # noqa: BLE001 (the table in refusals.py logs what it does not know)
            incoming.exchange.refusal = refusal_of(error)
        return Response()

    return answered
