"""Our own service with nothing to do: guard, settings and BentoML around it, a constant for an answer.

What it takes is what everything that stands around an endpoint costs; what `POST /classify` takes beyond it
is reading options, pictures, the network and writing the answer.
"""

from typing import Any

import bentoml
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.apps.answering import CONSTANT_ANSWER
from service.bento import GuardedService
from service.routes import JSON
from service.schemas import ClassifyAnswer
from service.settings import settings
from service.wire import ClassifyInput, ClassifyOutput


class _Received(ClassifyInput):
    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Any:  # noqa: ARG003 - BentoML's signature
        return await request.body()


class _Constant(ClassifyOutput):
    @classmethod
    async def to_http_response(cls, obj: Any, serde: Any) -> Response:  # noqa: ARG003 - BentoML's signature
        return Response(obj, media_type=JSON)


@bentoml.service(
    name="empty",
    service_class=GuardedService,
    workers=settings().workers,
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
class EmptyService:
    """One endpoint, which computes nothing."""

    @bentoml.api(input_spec=_Received, output_spec=_Constant)
    async def classify(self, body: bytes) -> ClassifyAnswer | bytes:
        """A constant."""
        return CONSTANT_ANSWER
