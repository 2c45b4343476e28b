"""The service as BentoML sees it: four typed endpoints.

`bentoml serve` finds it through bentofile.yaml. What the endpoints do is in endpoints.py, what stands around
them in guard.py, what BentoML's typed surface needs in wire.py, what the models do in inference.py.

The process that starts the workers imports this module, and nothing that workers alone need: none of them
begins before it is done (docs/decisions/0317).
"""

import bentoml

from service.access import check_access
from service.bento import GuardedService, pinned_model
from service.operations import operations
from service.schemas import EncodeAnswer, GenerateAnswer, ReconstructAnswer, WrittenJson
from service.settings import settings
from service.store import AUTOENCODER, CLASSIFIER, COMPANION
from service.wire import (
    ClassifyInput,
    ClassifyOutput,
    EncodeInput,
    EncodeOutput,
    GenerateInput,
    GenerateOutput,
    Incoming,
    ReconstructInput,
    ReconstructOutput,
)


@bentoml.service(
    name="fashion",
    service_class=GuardedService,
    workers=settings().workers,
    # The guard does what these would do, with our own bodies and bounded labels (docs/decisions/0101).
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(operations, path="/")
class FashionService:
    """Classify, encode, reconstruct and generate fashion pictures."""

    # BentoML packs what a class attribute names into the Bento; the catalogue finds it there again.
    packed_classifier = pinned_model(CLASSIFIER)
    packed_autoencoder = pinned_model(AUTOENCODER)
    packed_companion = pinned_model(COMPANION)

    def __init__(self) -> None:
        from service.endpoints import Endpoints

        self._endpoints = Endpoints(settings())
        self.catalogue = self._endpoints.catalogue
        self.protocol = self._endpoints.protocol

    @bentoml.on_deployment
    @staticmethod
    def supervise() -> None:
        """In the process that starts the workers, before it does: check what they would stumble over, and let
        it replace one that dies at once."""
        from service.supervision import replace_dead_workers_at_once

        check_access(settings())
        replace_dead_workers_at_once()

    @bentoml.on_startup
    async def load(self) -> None:
        """Load the models."""
        self._endpoints.load()

    @bentoml.on_shutdown
    async def close(self) -> None:
        """Stop what runs beside the requests."""
        await self._endpoints.close()

    async def __is_ready__(self) -> bool:
        return self.catalogue.ready

    @bentoml.api(input_spec=ClassifyInput, output_spec=ClassifyOutput)
    async def classify(self, incoming: Incoming) -> WrittenJson:
        """Tell what each picture shows, how sure that is, and how unlike the training data it looks."""
        return await self._endpoints.classify(incoming)

    @bentoml.api(input_spec=EncodeInput, output_spec=EncodeOutput)
    async def encode(self, incoming: Incoming) -> EncodeAnswer:
        """Tell where each picture lies in latent space."""
        return await self._endpoints.encode(incoming)

    @bentoml.api(input_spec=ReconstructInput, output_spec=ReconstructOutput)
    async def reconstruct(self, incoming: Incoming) -> ReconstructAnswer | bytes:
        """Encode each picture, decode it again, and tell what was lost."""
        return await self._endpoints.reconstruct(incoming)

    @bentoml.api(input_spec=GenerateInput, output_spec=GenerateOutput)
    async def generate(self, incoming: Incoming) -> GenerateAnswer | bytes:
        """Draw new pictures, of one label or of any, or decode given latents."""
        return await self._endpoints.generate(incoming)
