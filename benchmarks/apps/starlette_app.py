"""Starlette on uvicorn with uvloop and httptools, computing in the event loop: the leanest of its kind."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps.answering import classify, load_classifier

_CLASSIFIER = load_classifier()


async def _classify(request: Request) -> JSONResponse:
    return JSONResponse(classify(_CLASSIFIER, await request.body()))


app = Starlette(routes=[Route("/classify", _classify, methods=["POST"])])
