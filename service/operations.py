"""The routes for operators: what is served, and the metrics. Health and the documents are BentoML's own
routes."""

import asyncio

import bentoml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.routes import JSON
from service.schemas import ModelsAnswer, ServedModel


async def list_models(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """GET /models."""
    catalogue = bentoml.get_current_service().catalogue
    models = [
        ServedModel(
            model=served.tag,
            name=served.name,
            version=served.version,
            aliases=list(aliases),
            kind=served.manifest.kind,
            description=served.manifest.description,
            created=served.manifest.created,
            recipe=served.manifest.recipe.name,
            latent_size=served.manifest.latent_size,
            num_parameters=served.manifest.num_parameters,
            sha256=served.sha256,
            metrics=served.manifest.metrics,
        )
        for served, aliases in catalogue.served
    ]
    return Response(ModelsAnswer(models=models).model_dump_json(), media_type=JSON)


async def expose_metrics(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """GET /metrics."""
    from prometheus_client import CONTENT_TYPE_LATEST

    from service import metrics
    from service.tally import FLUSH_SECONDS, flush

    # By then every worker has handed over what it counted before this request came: the rest of a flush that
    # was past it, the wait for the next, and that one take at most so long each.
    await asyncio.sleep(3 * FLUSH_SECONDS)
    flush()
    # In a thread: it reads every worker's files, and may wait for one that starts.
    text = await asyncio.to_thread(metrics.exposition)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


operations = Starlette(routes=[Route("/models", list_models), Route("/metrics", expose_metrics)])
