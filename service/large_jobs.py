"""The threads that large jobs run in, and the queue before them: who is small is soon served.

A job's turn comes at the time of its arrival plus what it will roughly take, so a small one overtakes large
ones that came little earlier, and a large one waits no longer for smaller ones than its own size tells. A job
that runs lets those through between its steps. The threads yield the processor to the event loop, where the
smallest requests are answered.
"""

import contextlib
import heapq
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from time import perf_counter
from typing import Any, Final, TypeVar

from service.exchange import Exchange

T = TypeVar("T")

# What one thread decodes and infers, roughly: it decides about turns, and about nothing else.
BYTES_A_SECOND: Final = 20 * 1024 * 1024
_NICENESS: Final = 5


class LargeJobs:
    """Runs jobs in `num_threads` threads of lower priority, in the order of their turns."""

    def __init__(self, num_threads: int) -> None:
        self._waiting: list[_Job] = []  # a heap
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        for number in range(num_threads):
            threading.Thread(target=self._work, name=f"large-job-{number}", daemon=True).start()

    def submit(self, exchange: Exchange, run: Callable[[], T]) -> "Future[T]":
        """Queue `run` for its turn. A future that is cancelled before leaves the queue, and all that it holds
        is let go."""
        turn = perf_counter() + exchange.held.bytes / BYTES_A_SECOND
        job = _Job(turn, next(self._numbers), run)
        future: Future[T] = job.future
        exchange.let_others_through = partial(self._let_through, turn)
        with self._changed:
            heapq.heappush(self._waiting, job)
            self._changed.notify()
        future.add_done_callback(lambda ended: self._forget(job) if ended.cancelled() else None)
        return future

    def close(self) -> None:
        """Let the threads end; what is queued is dropped."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        _yield_the_processor()
        while job := self._next():
            job.run()
            del job  # or its answer would stay until the next comes

    def _next(self) -> "_Job | None":
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else heapq.heappop(self._waiting)

    def _let_through(self, turn: float) -> None:
        """Run, in the calling thread, every waiting job whose turn comes before `turn`."""
        while self._waiting:
            with self._changed:
                if not self._waiting or self._waiting[0].turn >= turn:
                    return
                job = heapq.heappop(self._waiting)
            job.run()

    def _forget(self, job: "_Job") -> None:
        job.let_go()
        with self._changed, contextlib.suppress(ValueError):  # a thread may have taken it just now
            self._waiting.remove(job)
            heapq.heapify(self._waiting)


class _Job:
    """A job and the future of its answer. Once it has run it refers to nothing of the request any more."""

    __slots__ = ("_run", "future", "number", "turn")

    def __init__(self, turn: float, number: int, run: Callable[[], Any]) -> None:
        self.turn = turn  # when its turn comes, by perf_counter
        self.number = number  # decides between equals: first come, first served
        self.future: Future[Any] = Future()
        self._run: Callable[[], Any] | None = run

    def __lt__(self, other: "_Job") -> bool:
        return (self.turn, self.number) < (other.turn, other.number)

    def run(self) -> None:
        """Run it, unless it was cancelled."""
        run = self._run
        if not self.future.set_running_or_notify_cancel() or run is None:
            return
        self.let_go()
        try:
            answer = run()
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
            self.future.set_exception(error)
            del self  # which the error's traceback would hold, and so itself
        else:
            self.future.set_result(answer)

    def let_go(self) -> None:
        """Forget what was to be run, and the pictures that it holds."""
        self._run = None


def _yield_the_processor() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
