"""BentoML's typed surface on our own reading and writing: what each endpoint takes and gives.

BentoML reads a request by `IODescriptor.from_http_request`, which has no limits and fetches what looks like a
URL, and writes an answer by `to_http_response`, which serialises it twice. Both are replaced here
(docs/decisions/0101). The schemas stay BentoML's, so that /schema.json and `bentoml.SyncHTTPClient` work.
tests/http/test_bentoml_surface.py fails if an upgrade moves what this module relies on.
"""

from pathlib import Path
from typing import Annotated, Any

import bentoml
from bentoml.validators import ContentType
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from service.exchange import SCOPE_KEY, Exchange
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
)
from service.settings import Settings
from service.work import Work


class Incoming:
    """A request as an endpoint gets it: not read yet, since the endpoint knows which options it takes."""

    def __init__(self, request: Request) -> None:
        self._scope = request.scope
        self._receive = request.receive
        self.exchange: Exchange = request.scope[SCOPE_KEY]

    async def read(self, options: type[AnyOptions], settings: Settings, work: Work) -> Asked[AnyOptions]:
        """Read pictures and options; raises the refusal of what cannot be read."""
        query = self._scope["query_string"]
        return await read_request(self.exchange, query, self._receive, options, settings, work)


class _Input(bentoml.IODescriptor):
    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:  # noqa: ARG003 - BentoML's signature
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
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:  # noqa: ARG003 - BentoML's signature
        if isinstance(obj, bytes):
            return Response(obj, media_type=PNG)
        return Response(obj.__pydantic_serializer__.to_json(obj), media_type=JSON)


class ClassifyOutput(ClassifyAnswer, _Output):
    """What the SDK gets from /classify."""


class EncodeOutput(EncodeAnswer, _Output):
    """What the SDK gets from /encode."""


class ReconstructOutput(ReconstructAnswer, _Output):
    """What the SDK gets from /reconstruct."""


class GenerateOutput(GenerateAnswer, _Output):
    """What the SDK gets from /generate."""
