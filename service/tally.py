"""Counters and histograms that add up in this process, and are handed to prometheus_client twenty times
a second.

Under several workers each of its numbers is a write into a shared file, and a small request changes two
dozen of them: a quarter of the service's own time for it (docs/decisions/0105). Here a change is put
on a list, and what a request has to count waits in a queue until a few requests have come together;
`flush()` adds up the rest and writes the sums. What a worker counted since its last flush dies with it if it
is killed, and nothing else is lost.
"""

import asyncio
import logging
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import pairwise
from time import perf_counter
from typing import Any, Final, TypeVar, TypeVarTuple

from prometheus_client import Counter, Gauge, Histogram

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 0.05

Labels = tuple[str, ...]
Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

# Each hands over what it has, and tells whether that was anything.
_tallies: Final[list[Callable[[], bool]]] = []
_later: Final[deque[tuple[Callable[..., None], tuple[Any, ...]]]] = deque()
_MANY: Final = 24  # of some eight requests: a tenth of a millisecond's work


def later(count: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
    """Call `count` at the next flush, or when `catch_up` finds enough to do: the counting of some requests in
    a row takes a third of the time that it takes between their answers."""
    _later.append((count, arguments))


def catch_up() -> None:
    """Add up what waits, if it is much: what waits for the flush stalls a request then. Call it between
    requests."""
    if len(_later) >= _MANY:
        try:
            _add_up()
        except Exception:  # or the request that was answered would fail
            logger.exception("Some of what was counted is lost")


def _add_up() -> bool:
    waiting = len(_later)
    for _ in range(waiting):  # and not what other threads add meanwhile
        try:
            count, arguments = _later.popleft()
        except IndexError:  # another thread was quicker
            break
        count(*arguments)
    return waiting > 0


def flush() -> None:
    """Hand everything that was counted to prometheus_client. Call it from one thread at a time."""
    _add_up()
    for hand_over in _tallies:
        hand_over()


async def flush_often() -> None:
    """Flush every FLUSH_SECONDS until cancelled, and then once more."""
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await _flush_step_by_step()
    finally:
        flush()


async def _flush_step_by_step() -> None:
    """Flush, and let requests through between two tallies: in one go it stalls one for longer than most take.

    Where they keep the loop busy for longer than FLUSH_SECONDS, the rest is flushed in one go after all.
    """
    until = perf_counter() + FLUSH_SECONDS
    for step in (_add_up, *_tallies):
        try:
            had_anything = step()
        except Exception:  # or nothing would be counted any more, and what waits would pile up
            logger.exception("Some of what was counted is lost")
            continue
        if had_anything and perf_counter() < until:
            await asyncio.sleep(0)


class CounterTally:
    """Adds up for a Counter; its labels are given with each call, in the declared order."""

    def __init__(self, name: str, documentation: str, labels: Labels = ()) -> None:
        self.metric = Counter(name, documentation, labels)
        self._pending: list[tuple[Labels, float]] = []
        _tallies.append(self._hand_over)

    def inc(self, *labels: str, amount: float = 1) -> None:
        """Count `amount` more."""
        self._pending.append((labels, amount))

    def _hand_over(self) -> bool:
        sums: dict[Labels, float] = {}
        for labels, amount in _taken(self._pending):
            sums[labels] = sums.get(labels, 0) + amount
        for labels, amount in sums.items():
            (self.metric.labels(*labels) if labels else self.metric).inc(amount)
        return bool(sums)


class HistogramTally:
    """Adds up for a Histogram; its labels are given with each call, in the declared order."""

    def __init__(
        self, name: str, documentation: str, labels: Labels = (), *, buckets: tuple[float, ...]
    ) -> None:
        self.metric = _Summable(name, documentation, labels, buckets=buckets)
        self._bounds = buckets
        self._pending: defaultdict[Labels, list[float]] = defaultdict(list)
        _tallies.append(self._hand_over)

    def observe(self, amount: float, *labels: str) -> None:
        """Count one observation."""
        self._pending[labels].append(amount)

    def observe_all(self, amounts: list[float], *labels: str) -> None:
        """Count some observations, or none."""
        self._pending[labels].extend(amounts)

    def _hand_over(self) -> bool:
        had_anything = False
        for labels, pending in list(self._pending.items()):
            if amounts := _taken(pending):
                had_anything = True
                amounts.sort()
                up_to = [bisect_right(amounts, bound) for bound in self._bounds]
                counts = [after - before for before, after in pairwise((0, *up_to, len(amounts)))]
                (self.metric.labels(*labels) if labels else self.metric).add(sum(amounts), counts)
        return had_anything


def _taken(pending: list[T]) -> list[T]:
    """What is in `pending`, which is emptied; what other threads append meanwhile stays.

    Python's lock makes each of these two steps whole, and nobody else takes anything out.
    """
    taken = pending[:]
    del pending[: len(taken)]
    return taken


class GaugeTally:
    """A number that goes up and down in the event loop's thread, told to a Gauge at each flush."""

    def __init__(self, name: str, documentation: str, multiprocess_mode: Any) -> None:
        self.metric = Gauge(name, documentation, multiprocess_mode=multiprocess_mode)
        self.value = 0
        self._told = 0
        _tallies.append(self._hand_over)

    def _hand_over(self) -> bool:
        if self.value == self._told:
            return False
        self._told = self.value
        self.metric.set(self._told)
        return True


class _Summable(Histogram):
    """A Histogram that takes many observations at once."""

    def add(self, total: float, counts: list[int]) -> None:
        """Add observations that sum to `total`; `counts` of them fell into each bucket, +Inf last."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
