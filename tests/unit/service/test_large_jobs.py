"""The queue of large jobs: who goes first, who is let through, and what is let go."""

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial

import pytest

from service.admission import Admission, Held
from service.exchange import Exchange
from service.large_jobs import BYTES_A_SECOND, LargeJobs


class Thing:
    """Something that a job holds."""


def exchange_of(num_bytes: int) -> Exchange:
    held = Held(Admission(10, 10**9))
    held.bytes = num_bytes
    return Exchange(b"id", {}, held, None)


@pytest.fixture
def jobs() -> Iterator[LargeJobs]:
    made = LargeJobs(1)
    yield made
    made.close()


@pytest.fixture
def busy(jobs: LargeJobs) -> Iterator[Callable[[], None]]:
    """A job of ten seconds' size is running; call it to let it end."""
    began, ended = threading.Event(), threading.Event()

    def run() -> None:
        began.set()
        ended.wait(10)

    running = jobs.submit(exchange_of(10 * BYTES_A_SECOND), run)
    began.wait(10)
    yield ended.set
    ended.set()
    running.result(10)


def test_small_jobs_overtake_large_ones_and_equals_keep_their_order(
    jobs: LargeJobs, busy: Callable[[], None]
):
    order: list[str] = []

    def queue(name: str, seconds: float) -> "Future[None]":
        return jobs.submit(exchange_of(int(seconds * BYTES_A_SECOND)), lambda: order.append(name))

    queued = [queue("large", 5), queue("small", 0), queue("middle", 2), queue("next small", 0)]
    busy()
    for future in queued:
        future.result(10)
    assert order == ["small", "next small", "middle", "large"]


def test_a_running_job_lets_smaller_ones_through_between_its_steps(jobs: LargeJobs):
    order: list[str] = []
    exchange = exchange_of(10 * BYTES_A_SECOND)

    def steps() -> None:
        order.append("large begins")
        jobs.submit(exchange_of(0), lambda: order.append("small"))
        jobs.submit(exchange_of(20 * BYTES_A_SECOND), lambda: order.append("larger"))
        exchange.check_time()
        order.append("large ends")

    jobs.submit(exchange, steps).result(10)
    jobs.submit(exchange_of(30 * BYTES_A_SECOND), lambda: order.append("last")).result(10)
    assert order == ["large begins", "small", "large ends", "larger", "last"]


def test_the_event_loop_runs_no_job_when_it_looks_at_a_requests_time(
    jobs: LargeJobs, busy: Callable[[], None]
):
    exchange = exchange_of(10 * BYTES_A_SECOND)
    jobs.submit(exchange, lambda: None)
    small = jobs.submit(exchange_of(0), threading.current_thread)
    exchange.check_time()
    assert not small.done()
    busy()
    assert small.result(10) is not threading.current_thread()


def test_a_cancelled_job_leaves_the_queue_and_lets_go_of_what_it_holds(
    jobs: LargeJobs, busy: Callable[[], None]
):
    ran: list[bool] = []
    thing = Thing()
    gone = weakref.ref(thing)

    def job(held: Thing = thing) -> None:
        ran.append(True)

    gc.disable()  # what is let go goes at once, without a collection
    try:
        assert jobs.submit(exchange_of(0), job).cancel()
        del job, thing
        assert gone() is None
    finally:
        gc.enable()
    busy()
    jobs.submit(exchange_of(0), lambda: None).result(10)
    assert not ran


def test_what_a_job_raises_reaches_whoever_waits_and_nothing_of_the_job_stays(jobs: LargeJobs):
    thing = Thing()
    gone = weakref.ref(thing)

    def job(held: Thing) -> None:
        raise ValueError("no")

    gc.disable()
    try:
        future = jobs.submit(exchange_of(0), partial(job, thing))
        with pytest.raises(ValueError, match="no"):
            future.result(10)
        del future, thing
        jobs.submit(exchange_of(0), lambda: None).result(10)
        assert gone() is None
    finally:
        gc.enable()


def test_closed_it_ends_its_threads():
    jobs = LargeJobs(3)
    jobs.close()
    for thread in threading.enumerate():
        if thread.name.startswith("large-job"):
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a niceness of their own")
def test_its_threads_leave_the_processor_to_others_first(jobs: LargeJobs) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    assert jobs.submit(exchange_of(1), niceness).result(10) > niceness()
