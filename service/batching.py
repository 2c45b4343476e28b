"""Small requests that arrive together, classified together.

Whatever has come by the time the event loop gets to it goes through the network in one pass; nothing waits
for more to come, and a worker's only request for nothing at all. One pass costs less than several, by what
the engine and numpy do once for each call (docs/decisions/0107).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final, NamedTuple, TypeVar

from fashion.classifier import Classifier, Prediction
from fashion.parts import InParts
from fashion.preparation import Prepared
from service.exchange import Exchange
from service.refusals import Refusal

T = TypeVar("T")

Answer = asyncio.Future[list[Prediction]]


class _Waiting(NamedTuple):
    exchange: Exchange
    classifier: Classifier
    pictures: list[Prepared]
    answer: Answer


def passes(
    max_pictures: int,
    in_parts: InParts,
    compute: Callable[[Sequence[Prepared]], T],
    pictures: Sequence[Prepared],
    most: int,
    /,
) -> list[T]:
    """Go through the pictures of a large request by `in_parts`, `max_pictures` at a time, for which the
    engine is warm, or `most`. With the first two arguments given, a `fashion.classifier.InPasses`."""
    size = min(max_pictures, most)
    return in_parts(compute, [pictures[start : start + size] for start in range(0, len(pictures), size)])


class Batches:
    """Collects requests during one turn of the event loop, and classifies them in the next; one that is alone
    at once."""

    def __init__(self, max_pictures: int) -> None:
        """Put at most `max_pictures` into one pass, a larger request into a pass of its own."""
        self._max_pictures: Final = max_pictures
        self._waiting: deque[_Waiting] = deque()
        self._gave_way = False

    async def classify(
        self, exchange: Exchange, classifier: Classifier, pictures: list[Prepared]
    ) -> list[Prediction]:
        """A prediction for each picture. Raises the refusal of an answer that comes too late."""
        if exchange.direct and exchange.direct.is_alone:  # nobody else could share the pass
            exchange.check_time()
            began = perf_counter()
            predictions = classifier.classify(pictures)
            exchange.mark("infer", began)
            return predictions
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._pass, loop)
        answer: Answer = loop.create_future()
        self._waiting.append(_Waiting(exchange, classifier, pictures, answer))
        return await answer

    def _pass(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._waiting) > 1 and not self._gave_way:
            # Those whom the pass before answered send their next requests just now. Without this turn they
            # and those who wait would take turns for ever, and passes be half as large.
            self._gave_way = True
            loop.call_soon(self._pass, loop)
            return
        self._gave_way = False
        batch = self._next_batch()
        if self._waiting:
            loop.call_soon(self._pass, loop)  # after what this batch lets go on
        batch = [waiting for waiting in batch if _is_in_time(waiting)]
        if len(batch) > 1:
            try:
                _answer(batch)
                return
            except Exception:  # noqa: BLE001, S110 - whose fault it is shows when each goes by itself
                pass
        for waiting in batch:
            try:
                _answer([waiting])
            except Exception as error:  # noqa: BLE001 - it is raised where the request waits
                waiting.answer.set_exception(error)

    def _next_batch(self) -> list[_Waiting]:
        """What goes into one pass: in the order of arrival, one model's, up to the limit."""
        batch = [self._waiting.popleft()]
        room = self._max_pictures - len(batch[0].pictures)
        while self._waiting:
            following = self._waiting[0]
            room -= len(following.pictures)
            if room < 0 or following.classifier is not batch[0].classifier:
                break
            batch.append(self._waiting.popleft())
        return batch


def _is_in_time(waiting: _Waiting) -> bool:
    if waiting.answer.done():  # the request was cancelled
        return False
    try:
        waiting.exchange.check_time()
    except Refusal as refusal:
        waiting.answer.set_exception(refusal)
        return False
    return True


def _answer(batch: list[_Waiting]) -> None:
    began = perf_counter()
    pictures = [picture for waiting in batch for picture in waiting.pictures]
    predictions = iter(batch[0].classifier.classify(pictures))
    for waiting in batch:
        waiting.exchange.mark("infer", began)
        waiting.answer.set_result([next(predictions) for _ in waiting.pictures])
