"""Starlette with nothing to do: reads the body, answers a constant. What HTTP in Python costs at least."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.apps.answering import CONSTANT_ANSWER


async def _classify(request: Request) -> Response:
    await request.body()
    return Response(CONSTANT_ANSWER, media_type="application/json")


app = Starlette(routes=[Route("/classify", _classify, methods=["POST"])])
