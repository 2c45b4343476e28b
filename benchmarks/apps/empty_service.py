"""Our own service with nothing to do: guard, settings and BentoML around it, a constant for an answer.

What it takes is what everything that stands around an endpoint costs; what `POST /classify` takes beyond it
is reading options, pictures, the network and writing the answer.
"""

from typing import Final

import bentoml

from benchmarks.apps.answering import CONSTANT_ANSWER
from service.bento import GuardedService
from service.incoming import receive_whole
from service.schemas import WrittenJson
from service.settings import settings
from service.wire import ClassifyInput, ClassifyOutput, Incoming

_CONSTANT: Final = WrittenJson(CONSTANT_ANSWER)


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

    @bentoml.api(input_spec=ClassifyInput, output_spec=ClassifyOutput)
    async def classify(self, incoming: Incoming) -> WrittenJson:
        """A constant."""
        await receive_whole(incoming.exchange, incoming.exchange.receive, settings())
        return _CONSTANT
