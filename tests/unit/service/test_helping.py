"""Parts of a large job that idle threads compute: all of them once, in order, and nothing stays."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from service.admission import Admission, Held
from service.exchange import Exchange
from service.helping import Helpers
from service.large_jobs import LargeJobs
from service.refusals import Refusal

PATIENCE = 10.0


class Thing:
    """Something that a part holds."""


@pytest.fixture
def helpers() -> Iterator[Helpers]:
    made = Helpers(1, busy=lambda: False)
    yield made
    made.close()


def an_exchange() -> Exchange:
    return Exchange(b"id", {}, Held(Admission(10, 10**9)), None)


def meeting() -> Callable[[int], str]:
    """A part that ends when another thread has begun a part as well, and tells whose thread it ran in."""
    both = threading.Barrier(2)

    def compute(_: int) -> str:
        both.wait(PATIENCE)
        return threading.current_thread().name

    return compute


def test_two_threads_compute_at_once_and_the_results_keep_the_parts_order(helpers: Helpers) -> None:
    own = threading.current_thread().name
    assert set(helpers.share(lambda: None, meeting(), range(2))) == {own, "large-job-helper-0"}
    assert helpers.share(lambda: None, lambda part: part * part, range(1000)) == [n * n for n in range(1000)]


def test_the_time_is_looked_at_before_each_part_of_ones_own(helpers: Helpers) -> None:
    asked, held = [], threading.Event()

    def between() -> None:
        asked.append(threading.current_thread())
        if len(asked) == 3:
            held.set()
            raise TimeoutError

    def compute(_: int) -> None:
        if threading.current_thread() not in asked:
            held.wait(PATIENCE)  # so that the helper computes one part at most

    with pytest.raises(TimeoutError):
        helpers.share(between, compute, range(100))
    assert asked == [threading.current_thread()] * 3


def test_one_part_is_computed_where_it_is_needed(helpers: Helpers) -> None:
    here = threading.current_thread()
    assert helpers.share(lambda: None, lambda _: threading.current_thread(), [0]) == [here]


def test_nobody_helps_where_other_jobs_wait() -> None:
    helpers = Helpers(1, busy=lambda: True)
    here = threading.current_thread()
    assert set(helpers.share(lambda: None, lambda _: threading.current_thread(), range(500))) == {here}
    helpers.close()


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_part_that_fails_ends_the_others_and_nothing_of_it_stays(helpers: Helpers, where: str) -> None:
    both, begun = threading.Barrier(2), []
    here = threading.current_thread()

    def compute(part: Thing) -> None:
        begun.append(part)
        if len(begun) <= 2:
            both.wait(PATIENCE)
            if (threading.current_thread() is here) == (where == "here"):
                raise ValueError("no")
        time.sleep(0.001)

    parts = [Thing() for _ in range(10_000)]
    gone = weakref.ref(parts[0])
    gc.disable()  # what is let go goes at once, without a collection
    try:
        with pytest.raises(ValueError, match="no"):
            helpers.share(lambda: None, compute, parts)
        assert len(begun) < len(parts)
        begun.clear()
        del parts
        helpers.share(lambda: None, meeting(), range(2))  # by then the helper has left the parts before
        assert gone() is None
    finally:
        gc.enable()


def test_the_thread_of_large_jobs_shares_out_and_its_answer_may_be_too_late() -> None:
    jobs = LargeJobs(1, num_helpers=1)
    exchange = an_exchange()
    names = jobs.submit(exchange, lambda: exchange.in_parts(meeting(), range(2))).result(PATIENCE)
    assert set(names) == {"large-job-0", "large-job-helper-0"}
    exchange.give_up()
    with pytest.raises(Refusal):
        jobs.submit(exchange, lambda: exchange.in_parts(str, range(2))).result(PATIENCE)
    jobs.close()


def test_the_event_loop_computes_all_parts_itself_and_waits_for_nobody() -> None:
    jobs = LargeJobs(1, num_helpers=1)
    exchange, here = an_exchange(), threading.current_thread()
    jobs.submit(exchange, lambda: None).result(PATIENCE)  # its body was read in a thread
    assert set(exchange.in_parts(lambda _: threading.current_thread(), range(500))) == {here}
    jobs.close()


def test_a_small_jobs_parts_are_computed_one_by_one_until_its_time_is_over() -> None:
    exchange = an_exchange()
    assert exchange.in_parts(str, range(3)) == ["0", "1", "2"]

    def compute(part: int) -> int:
        done.append(part)
        if part == 1:
            exchange.give_up()
        return part

    done: list[int] = []
    with pytest.raises(Refusal):
        exchange.in_parts(compute, range(9))
    assert done == [0, 1]
