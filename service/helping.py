"""Threads that compute parts of a large job beside the thread that runs it, where nothing else waits.

The engine computes without Python's lock, so that an idle core takes two fifths off the time of many pictures
(docs/decisions/0316).
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

P = TypeVar("P")
T = TypeVar("T")

_NICENESS: Final = 5
"""Of threads beside the event loop's, above its own: a third of its share of a core that both want."""
_HIGHEST_NICENESS: Final = 19


class Helpers:
    """`num_threads` threads that take parts from whoever shares them out, unless `busy()`."""

    def __init__(self, num_threads: int, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._offers: SimpleQueue[_Shared[Any, Any] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._help, name=f"large-job-helper-{number}", daemon=True)
            for number in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()

    def share(
        self,
        between: Callable[[], None],
        compute: Callable[[P], T],
        parts: Sequence[P],
        /,
        *,
        alone: bool = False,
    ) -> list[T]:
        """`compute` of each of `parts`, in their order, some in the calling thread and, unless it wants to be
        `alone`, some in others.

        The calling thread calls `between` before each part that it takes. What that or `compute` raises is
        raised, and no more parts are begun.
        """
        shared = _Shared(compute, parts)
        if len(parts) > 1 and not alone:
            for _ in self._threads:
                self._offers.put(shared)
        try:
            while (number := shared.take()) is not None:
                between()
                shared.compute(number)
        finally:
            shared.stop()
        waiting = shared.made[::-1]  # the first that failed comes before any that was never begun
        del shared  # which the traceback of an error would hold, and so the error itself
        results = []
        while waiting:
            results.append(waiting.pop().result())
        return results

    def close(self) -> None:
        """Let the threads end."""
        for _ in self._threads:
            self._offers.put(None)

    def _help(self) -> None:
        step_back()
        while shared := self._offers.get():
            while not self._busy() and (number := shared.take()) is not None:
                shared.compute(number)
            del shared  # or its parts would stay until the next come


class _Shared(Generic[P, T]):
    """Parts of which several threads take the next one in turn. What was made of each ends in `made`."""

    def __init__(self, compute: Callable[[P], T], parts: Sequence[P]) -> None:
        self.made: list[Future[T]] = [Future() for _ in parts]
        self._compute = compute
        self._parts = parts
        self._numbers = count()  # whose next() is atomic
        self._stopped = False

    def take(self) -> int | None:
        """The next part to be computed; None where there is none."""
        if self._stopped or (number := next(self._numbers)) >= len(self.made):
            return None
        return number

    def compute(self, number: int) -> None:
        """Compute the part that the calling thread took; where it fails, the others are left."""
        try:
            self.made[number].set_result(self._compute(self._parts[number]))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the results gets it
            self.stop()
            self.made[number].set_exception(error)
            del self  # which the error's traceback would hold, and so itself

    def stop(self) -> None:
        """Let no more parts be taken."""
        self._stopped = True


def step_back() -> None:
    """Let other threads have the processor before the calling one. Elsewhere than on Linux niceness is the
    whole process's."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may forbid it, and then they share alike
            own = os.getpriority(os.PRIO_PROCESS, 0)  # 0 is the calling thread
            os.setpriority(os.PRIO_PROCESS, 0, min(own + _NICENESS, _HIGHEST_NICENESS))
