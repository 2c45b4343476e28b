"""The threads that large jobs run in, and the queue before them: who is small is soon served.

A job's turn comes at the time of its arrival plus what it will roughly take, so a small one overtakes large
ones that came little earlier, and a large one waits no longer for smaller ones than its own size tells. A job
that runs lets those through between its steps, and where none waits it is helped. Where the cores are busy,
all these threads leave them to the event loops first (docs/decisions/0111).
"""

import contextlib
import heapq
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, Final, TypeVar

from service.exchange import Exchange
from service.helping import Helpers, step_back

P = TypeVar("P")
T = TypeVar("T")

# What one thread decodes and infers, roughly: it decides about turns, and about nothing else. Pixels tell it
# better than bytes, and are known once the pictures are open.
BYTES_A_SECOND: Final = 20 * 1024 * 1024
PIXELS_A_SECOND: Final = 100_000_000
LATENTS_A_SECOND: Final = 1_000


class LargeJobs:
    """Runs jobs in `num_threads` threads, in the order of their turns; `num_helpers` more help them."""

    def __init__(self, num_threads: int, num_helpers: int = 0) -> None:
        self._waiting: list[_Job[Any]] = []  # a heap
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"large-job-{number}", daemon=True)
            for number in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()
        self._helpers = Helpers(num_helpers, busy=lambda: bool(self._waiting))

    def submit(self, exchange: Exchange, run: Callable[[], T]) -> "Future[T]":
        """Queue `run` for its turn. A future that is cancelled before leaves the queue, and all that it holds
        is let go."""
        arrived = perf_counter()
        exchange.expected_seconds = max(exchange.expected_seconds, exchange.held.bytes / BYTES_A_SECOND)
        exchange.let_others_through = partial(self._let_through, exchange, arrived)
        exchange.share_out = self._share_out
        job = _Job(self._forget, arrived + exchange.expected_seconds, next(self._numbers), run)
        with self._changed:
            heapq.heappush(self._waiting, job)
            self._changed.notify()
        return job

    def close(self) -> None:
        """Let the threads end; what is queued is dropped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._helpers.close()

    def _work(self) -> None:
        step_back()
        while job := self._next():
            job.run()
            del job  # or its answer would stay until the next comes

    def _next(self) -> "_Job[Any] | None":
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else heapq.heappop(self._waiting)

    def _let_through(self, exchange: Exchange, arrived: float) -> None:
        """Run, in the calling thread, every waiting job whose turn comes before that of the calling one.

        The event loop, where a request's time is looked at as well, never runs any.
        """
        while self._waiting and threading.current_thread() in self._threads:
            turn = arrived + exchange.expected_seconds  # which may be known better by now
            with self._changed:
                if not self._waiting or self._waiting[0].turn >= turn:
                    return
                job = heapq.heappop(self._waiting)
            job.run()

    def _share_out(
        self, between: Callable[[], None], compute: Callable[[P], T], parts: Sequence[P], /
    ) -> list[T]:
        """What the helpers' `share` makes of parts. The event loop, which may come to a request's parts after
        a thread has read its body, waits for no thread."""
        alone = threading.current_thread() not in self._threads
        return self._helpers.share(between, compute, parts, alone=alone)

    def _forget(self, job: "_Job[Any]") -> None:
        with self._changed, contextlib.suppress(ValueError):  # a thread may have taken it just now
            self._waiting.remove(job)
            heapq.heapify(self._waiting)


class _Job(Future[T]):
    """A job, which is the future of its own answer. Once it has run it holds nothing of the request."""

    def __init__(
        self, forget: Callable[["_Job[T]"], None], turn: float, number: int, run: Callable[[], T]
    ) -> None:
        super().__init__()
        self._forget = forget
        self._run: Callable[[], T] | None = run
        self.turn = turn  # when its turn comes, by perf_counter
        self.number = number  # decides between equals: first come, first served

    def __lt__(self, other: "_Job[Any]") -> bool:
        return (self.turn, self.number) < (other.turn, other.number)

    def cancel(self) -> bool:
        """Leave the queue, unless it runs already."""
        if not super().cancel():
            return False
        self._run = None
        self._forget(self)
        return True

    def run(self) -> None:
        """Run it, unless it was cancelled."""
        run, self._run = self._run, None
        if not self.set_running_or_notify_cancel() or run is None:
            return
        try:
            answer = run()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self.set_exception(error)
            del self  # which the error's traceback would hold, and so itself
        else:
            self.set_result(answer)
