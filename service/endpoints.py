"""What the four endpoints do: read, prepare, infer, answer. Each worker has one of these.

service.py declares them to BentoML; the process that starts the workers imports that alone.
"""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TypeVar

from fashion.preparation import Prepared
from service import inference, metrics
from service.batching import Batches, passes
from service.catalogue import Catalogue
from service.exchange import Exchange
from service.incoming import Asked
from service.inference_protocol.endpoints import InferenceProtocol
from service.large_jobs import LATENTS_A_SECOND
from service.pictures import prepare_pictures
from service.schemas import (
    ClassifyOptions,
    EncodeAnswer,
    GenerateAnswer,
    GenerateOptions,
    PictureOptions,
    ReconstructAnswer,
    WrittenJson,
)
from service.settings import Settings
from service.sharing import share_connections
from service.store import alias_source
from service.tally import flush_often
from service.trial import Trial
from service.warming import warm_up
from service.wire import Incoming
from service.work import TooLargeForTheLoop, Work

# What Pillow says of a file's metadata varies with the file: a hostile sender could fill the log with it, and
# memory, since Python remembers every warning that it showed.
warnings.filterwarnings("ignore", module=r"PIL\.")

T = TypeVar("T")
AnyPictureOptions = TypeVar("AnyPictureOptions", bound=PictureOptions)


class Endpoints:
    """The models, what runs them, and what stands between a request and them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._work = Work(
            threads=settings.large_job_threads,
            helpers=settings.large_job_helpers,
            max_jobs_held=settings.max_large_jobs_held,
        )
        self._batches = Batches(settings.batch_pictures)
        self.catalogue = Catalogue(
            alias_source(),
            max_versions_loaded=settings.max_versions_loaded,
            warm_up=partial(warm_up, settings=settings),
        )
        self._trial = Trial(
            self.catalogue,
            share=settings.candidate_share,
            shadow_share=settings.candidate_shadow,
            max_pass=settings.batch_pictures,
        )
        self.protocol = InferenceProtocol(self.catalogue, self._work, settings)

    def load(self) -> None:
        """Load the models, and begin to follow the aliases and to hand over what is counted."""
        self.catalogue.load()
        self._tasks = [
            asyncio.create_task(self.catalogue.watch(self._settings.alias_poll_seconds)),
            asyncio.create_task(flush_often()),
        ]
        if folder := metrics.multiprocess_folder():
            share_connections(folder)
        # What is loaded by now stays: looking through it again and again stalls requests. Looking through it
        # once more now would take a tenth of a second, for 209 of 125,000 objects.
        gc.freeze()

    async def close(self) -> None:
        """Stop what runs beside the requests, and let the threads end."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._trial.close()
        self._work.close()

    async def classify(self, incoming: Incoming) -> WrittenJson:
        """Tell what each picture shows, how sure that is, and how unlike the training data it looks."""
        asked = await incoming.read(ClassifyOptions, self._settings, self._work)
        exchange = incoming.exchange
        tag, classifier = await self._trial.classifier(exchange, asked.options)
        copy, view_side = self._trial.copy(exchange, tag), classifier.view_side
        small = self._is_small(asked)
        if small and not asked.options.explain:
            try:
                prepared = self._prepare(exchange, asked, view_side, inline=True)
            except TooLargeForTheLoop:
                small = False
            else:
                predictions = await self._batches.classify(exchange, classifier, prepared)
                unexplained = [None] * len(predictions)
                return inference.classified(tag, predictions, unexplained, copy, prepared)
        in_passes = partial(passes, self._settings.batch_pictures, exchange.in_parts)
        infer = partial(inference.classify, tag, classifier, asked.options.explain, copy, in_passes)
        return await self._answer(exchange, asked, infer, small=small, view_side=view_side)

    async def encode(self, incoming: Incoming) -> EncodeAnswer:
        """Tell where each picture lies in latent space."""
        asked = await incoming.read(PictureOptions, self._settings, self._work)
        # Latents of two versions have nothing to do with each other: a candidate gives none unasked.
        tag, autoencoder = await self._trial.autoencoder(incoming.exchange, asked.options, movable=False)
        infer = partial(inference.encode, tag, autoencoder)
        return await self._answer(incoming.exchange, asked, infer, small=self._is_small(asked))

    async def reconstruct(self, incoming: Incoming) -> ReconstructAnswer | bytes:
        """Encode each picture, decode it again, and tell what was lost."""
        asked = await incoming.read(PictureOptions, self._settings, self._work)
        tag, autoencoder = await self._trial.autoencoder(incoming.exchange, asked.options)
        exchange = incoming.exchange
        infer = partial(inference.reconstruct, tag, autoencoder, exchange.wants_png, exchange.in_parts)
        small = self._are_few_latents(exchange, len(asked.pictures)) and self._is_small(asked)
        return await self._answer(exchange, asked, infer, small=small)

    async def generate(self, incoming: Incoming) -> GenerateAnswer | bytes:
        """Draw new pictures, of one label or of any, or decode given latents."""
        asked = await incoming.read(GenerateOptions, self._settings, self._work)
        exchange = incoming.exchange
        exchange.num_pictures = asked.options.num_samples
        # Who sends a seed or latents counts on the version that they are for.
        movable = asked.options.seed is None and asked.options.latents is None
        tag, autoencoder = await self._trial.autoencoder(exchange, asked.options, movable=movable)
        infer = partial(
            inference.generate, tag, autoencoder, asked.options, exchange.wants_png, exchange.in_parts
        )
        small = self._are_few_latents(exchange, asked.options.num_samples)
        return await self._work.run(exchange, partial(_timed, exchange, infer), small=small)

    async def _answer(
        self,
        exchange: Exchange,
        asked: Asked[AnyPictureOptions],
        infer: Callable[[list[Prepared]], T],
        *,
        small: bool,
        view_side: int | None = None,
    ) -> T:
        """Prepare the pictures and infer, in the loop if the request is `small` and its pictures are, else in
        a thread."""

        def job(inline: bool) -> T:
            prepared = self._prepare(exchange, asked, view_side, inline=inline)
            return _timed(exchange, partial(infer, prepared), inline)

        return await self._work.run(exchange, job, small=small)

    def _prepare(
        self, exchange: Exchange, asked: Asked[AnyPictureOptions], view_side: int | None, *, inline: bool
    ) -> list[Prepared]:
        prepared = prepare_pictures(
            exchange, asked.pictures, asked.options.prepare, view_side, self._settings, inline=inline
        )
        metrics.prepared(exchange, prepared)
        return prepared

    def _is_small(self, asked: Asked[AnyPictureOptions]) -> bool:
        return (
            len(asked.pictures) <= self._settings.small_request_pictures
            and sum(map(len, asked.pictures)) <= self._settings.small_request_bytes
        )

    def _are_few_latents(self, exchange: Exchange, num_latents: int) -> bool:
        """Whether so few are decoded in the loop; otherwise the queue is told what they will take."""
        exchange.expected_seconds = num_latents / LATENTS_A_SECOND
        return num_latents <= self._settings.small_latents


def _timed(exchange: Exchange, infer: Callable[[], T], inline: bool) -> T:  # noqa: ARG001 - wherever it runs
    began = perf_counter()
    answer = infer()
    exchange.mark("infer", began)
    return answer
