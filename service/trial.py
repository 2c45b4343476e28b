"""A candidate on trial: it answers a share of the requests that name no model, or sees copies of them.

Without a candidate all of this is one look into a dictionary. Which requests are moved is told by their
request id alone, so one that is sent again with its id is answered by the same version. Copies are computed
beside the requests, by a thread that rests most of the time, and are dropped where they would be in anybody's
way (docs/decisions/0312).
"""

import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Final

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier, Prediction
from fashion.parts import one_by_one
from fashion.preparation import Prepared
from service import metrics
from service.batching import passes
from service.catalogue import Catalogue, Served
from service.exchange import Exchange
from service.schemas import Options
from service.store import AUTOENCODER, CLASSIFIER

logger = logging.getLogger(__name__)

Copy = Callable[[Sequence[Prepared], Sequence[Prediction]], None]

# The request's context, by which the log names it; stable's tag, the candidate, pictures, stable's answers.
_Copied = tuple[Context, str, Served, Sequence[Prepared], Sequence[Prediction]]

MAX_PICTURES_WAITING: Final = 512
_REST: Final = 3.0  # times as long as a copy took to compute: copies take a quarter of one core at most
_POSITIONS: Final = 2**32


class Trial:
    """Decides which version answers, and which requests are copied to the candidate."""

    def __init__(self, catalogue: Catalogue, *, share: float, shadow_share: float, max_pass: int) -> None:
        """Copies are computed `max_pass` pictures at a time."""
        self._catalogue = catalogue
        self._share = share
        self._shadow_share = shadow_share
        self._shadow = Shadow(max_pass)

    async def classifier(self, exchange: Exchange, options: Options) -> tuple[str, Classifier]:
        """The tag and the model that classify this request's pictures."""
        on_trial = self._catalogue.candidate(CLASSIFIER) is not None
        chosen = self._choose(exchange, options) if on_trial else options.model
        tag, classifier = await self._catalogue.classifier(exchange, chosen)
        exchange.model, exchange.on_trial = tag, on_trial
        return tag, classifier

    async def autoencoder(
        self, exchange: Exchange, options: Options, *, movable: bool = True
    ) -> tuple[str, Autoencoder]:
        """The tag and the model that encode or decode for this request; where it is not `movable`, the
        candidate does so only if it is named."""
        on_trial = self._catalogue.candidate(AUTOENCODER) is not None
        chosen = self._choose(exchange, options) if on_trial and movable else options.model
        tag, autoencoder = await self._catalogue.autoencoder(exchange, chosen)
        exchange.model, exchange.on_trial = tag, on_trial
        return tag, autoencoder

    def _choose(self, exchange: Exchange, options: Options) -> str:
        if "model" in options.model_fields_set:
            return options.model
        return "candidate" if _position(b"share", exchange.request_id) < self._share else options.model

    def copy(self, exchange: Exchange, tag: str) -> Copy | None:
        """What takes the pictures and predictions of a request that `tag` classifies; None where it is not
        copied."""
        if not exchange.on_trial or _position(b"shadow", exchange.request_id) >= self._shadow_share:
            return None
        candidate = self._catalogue.candidate(CLASSIFIER)
        if candidate is None or candidate.tag == tag:
            return None

        def copy(pictures: Sequence[Prepared], predictions: Sequence[Prediction]) -> None:
            self._shadow.offer(tag, candidate, pictures, predictions)

        return copy

    def close(self) -> None:
        """Drop the copies that wait."""
        self._shadow.close()


class Shadow:
    """Computes copies in a thread that rests most of the time; it starts with the first."""

    def __init__(self, max_pass: int) -> None:
        self._max_pass = max_pass
        self._waiting: deque[_Copied] = deque()
        self._pictures_waiting = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def offer(
        self, tag: str, candidate: Served, pictures: Sequence[Prepared], predictions: Sequence[Prediction]
    ) -> None:
        """Queue a copy, or drop it where the queue is full or the candidate needs other pictures."""
        if not _can_see(candidate, pictures):
            metrics.SHADOW_COPIES.inc("unfit")
            return
        with self._changed:
            if self._pictures_waiting + len(pictures) > MAX_PICTURES_WAITING:
                metrics.SHADOW_COPIES.inc("dropped")
                return
            self._pictures_waiting += len(pictures)
            self._waiting.append((copy_context(), tag, candidate, pictures, predictions))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Let the thread end; what waits is dropped."""
        with self._changed:
            self._closed.set()
            self._waiting.clear()
            self._changed.notify()

    def _work(self) -> None:
        while not self._closed.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed.is_set())
                if self._closed.is_set():
                    return
                context, tag, candidate, pictures, predictions = self._waiting.popleft()
                self._pictures_waiting -= len(pictures)
            began = time.perf_counter()
            context.run(self._compare, tag, candidate, pictures, predictions)
            del context, candidate, pictures, predictions
            self._closed.wait(_REST * (time.perf_counter() - began))

    def _compare(
        self, tag: str, candidate: Served, pictures: Sequence[Prepared], predictions: Sequence[Prediction]
    ) -> None:
        assert isinstance(candidate.model, Classifier)
        try:
            began = time.perf_counter()
            in_passes = partial(passes, self._max_pass, one_by_one)
            others = candidate.model.classify(pictures, in_passes)
        except Exception:  # it is on trial: whatever it does wrong is told, and harms nobody
            metrics.SHADOW_COPIES.inc("failed")
            logger.exception("%s failed on a copy of a request", candidate.tag)
            return
        metrics.SHADOW_COPIES.inc("computed")
        metrics.shadowed(tag, candidate.tag, predictions, others, time.perf_counter() - began)


def _can_see(candidate: Served, pictures: Sequence[Prepared]) -> bool:
    """Whether the pictures, prepared for another version, are what the candidate looks at too."""
    if not isinstance(candidate.model, Classifier):
        return False
    side = candidate.model.view_side
    return side is None or all(
        picture.kind == "network_input" or (picture.view is not None and len(picture.view) == side)
        for picture in pictures
    )


def _position(purpose: bytes, request_id: bytes) -> float:
    """Where a request stands between 0 and 1, evenly spread, and always there."""
    return zlib.crc32(request_id, zlib.crc32(purpose)) / _POSITIONS
