"""Starlette on uvicorn with uvloop and httptools, computing in the event loop: the leanest of its kind."""

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.apps.answering import classify, generate, load_models

_MODELS = load_models()


async def _classify(request: Request) -> JSONResponse:
    return JSONResponse(classify(_MODELS.classifier, await _pictures(request)))


async def _generate(request: Request) -> JSONResponse:
    asked = await request.json()
    return JSONResponse(generate(_MODELS.autoencoder, asked["count"], asked["seed"]))


async def _pictures(request: Request) -> list[bytes]:
    if not request.headers["content-type"].startswith("multipart/"):
        return [await request.body()]
    async with request.form() as form:
        return [await part.read() for part in form.getlist("images") if isinstance(part, UploadFile)]


app = Starlette(
    routes=[
        Route("/classify", _classify, methods=["POST"]),
        Route("/generate", _generate, methods=["POST"]),
    ]
)
