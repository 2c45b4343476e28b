"""BentoML's typed surface on our own reading and writing: what each endpoint takes and gives.

BentoML reads a request by `IODescriptor.from_http_request`, which has no limits and fetches what looks like a
URL, and writes an answer by `to_http_response`, which serialises it twice. Both are replaced here
(docs/decisions/0101). The schemas stay BentoML's, so that /schema.json and `bentoml.SyncHTTPClient` work.
tests/http/test_bentoml_surface.py fails if an upgrade moves what this module relies on.
"""

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from service.exchange import SCOPE_KEY, Exchange, Receive, Scope
from service.incoming import Asked, read_request
from service.options import AnyOptions
from service.routes import JSON, PNG
from service.schemas import (
    ClassifyAnswer,
    ClassifyOptions,
    EncodeAnswer,
    GenerateAnswer,
    GenerateOptions,
    PictureOptions,
    ReconstructAnswer,
    WrittenJson,
)
from service.settings import Settings
from service.work import Work


class Incoming:
    """A request as an endpoint gets it: not read yet, since the endpoint knows which options it takes."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._query: bytes = scope["query_string"]
        self._receive = receive
        self.exchange: Exchange = scope[SCOPE_KEY]

    def read(
        self, options: type[AnyOptions], settings: Settings, work: Work
    ) -> Coroutine[Any, Any, Asked[AnyOptions]]:
        """Read pictures and options; raises the refusal of what cannot be read."""
        return read_request(self.exchange, self._query, self._receive, options, settings, work)


class _Input(bentoml.IODescriptor):
    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:  # noqa: ARG003 - BentoML's signature
        return Incoming(request.scope, request.receive)


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
    def written(cls, answer: Any) -> tuple[bytes, str]:
        """An endpoint's answer as bytes, and their media type."""
        if isinstance(answer, WrittenJson):
            return answer, JSON
        if isinstance(answer, bytes):
            return answer, PNG
        return answer.__pydantic_serializer__.to_json(answer), JSON

    @classmethod
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:  # noqa: ARG003 - BentoML's signature
        body, media_type = cls.written(obj)
        return Response(body, media_type=media_type)


class ClassifyOutput(ClassifyAnswer, _Output):
    """What the SDK gets from /classify."""


class EncodeOutput(EncodeAnswer, _Output):
    """What the SDK gets from /encode."""


class ReconstructOutput(ReconstructAnswer, _Output):
    """What the SDK gets from /reconstruct."""


class GenerateOutput(GenerateAnswer, _Output):
    """What the SDK gets from /generate."""
