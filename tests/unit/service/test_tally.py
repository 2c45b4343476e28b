"""What is added up in the process says the same as prometheus_client counting by itself."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import REGISTRY, Histogram

from service.tally import (
    FLUSH_SECONDS,
    CounterTally,
    GaugeTally,
    HistogramTally,
    catch_up,
    flush,
    flush_often,
    later,
)

BOUNDS = (1.0, 2.5, 5.0)
AMOUNTS = (0.0, 0.5, 1.0, 1.0001, 2.5, 4.0, 5.0, 5.1, 1e9)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_histogram_has_the_buckets_of_prometheus_clients_own() -> None:
    ours = HistogramTally("tally_ours", "Ours", ("route",), buckets=BOUNDS)
    theirs = Histogram("tally_theirs", "Theirs", ["route"], buckets=BOUNDS)
    for amount in AMOUNTS:
        ours.observe(amount, "/a")
        theirs.labels("/a").observe(amount)
    flush()
    for bound in (*map(str, BOUNDS), "+Inf"):
        assert value("tally_ours_bucket", route="/a", le=bound) == value(
            "tally_theirs_bucket", route="/a", le=bound
        )
    assert value("tally_ours_sum", route="/a") == pytest.approx(sum(AMOUNTS))
    assert value("tally_ours_count", route="/a") == len(AMOUNTS)


def test_observations_given_together_count_as_those_given_alone() -> None:
    together = HistogramTally("tally_together", "Together", buckets=BOUNDS)
    alone = HistogramTally("tally_alone", "Alone", buckets=BOUNDS)
    together.observe_all(list(AMOUNTS))
    together.observe_all([])
    for amount in AMOUNTS:
        alone.observe(amount)
    flush()
    for bound in (*map(str, BOUNDS), "+Inf"):
        assert value("tally_together_bucket", le=bound) == value("tally_alone_bucket", le=bound)
    assert value("tally_together_count") == len(AMOUNTS)
    assert value("tally_together_sum") == value("tally_alone_sum")


def test_nothing_is_counted_twice_by_a_second_flush() -> None:
    counter = CounterTally("tally_twice", "Twice", ("code",))
    counter.inc("a")
    counter.inc("a", amount=2)
    counter.inc("b")
    flush()
    flush()
    assert value("tally_twice_total", code="a") == 3
    assert value("tally_twice_total", code="b") == 1


def test_a_gauge_tells_its_latest_value() -> None:
    gauge = GaugeTally("tally_gauge", "Gauge", "livesum")
    gauge.value += 3
    flush()
    gauge.value -= 1
    flush()
    assert value("tally_gauge") == 2


def test_threads_lose_no_count() -> None:
    counter = CounterTally("tally_threads", "Threads")
    histogram = HistogramTally("tally_thread_seconds", "Threads", buckets=BOUNDS)

    def count(_: int) -> None:
        for _ in range(2_000):
            counter.inc()
            histogram.observe(1.5)

    with ThreadPoolExecutor(4) as pool:
        counted = pool.map(count, range(4))
        for _ in range(50):
            flush()
        list(counted)
    flush()
    assert value("tally_threads_total") == 8_000
    assert value("tally_thread_seconds_count") == 8_000
    assert value("tally_thread_seconds_bucket", le="2.5") == 8_000


def test_what_is_to_be_counted_later_is_counted_once_by_the_next_flush() -> None:
    counter = CounterTally("tally_later", "Later", ("code",))
    later(counter.inc, "a")
    later(counter.inc, "a")
    assert value("tally_later_total", code="a") is None
    flush()
    flush()
    assert value("tally_later_total", code="a") == 2


def test_what_waits_is_added_up_early_where_it_is_much_and_then_not_again() -> None:
    flush()  # what other tests left
    counted: list[int] = []
    for number in range(23):
        later(counted.append, number)
    catch_up()
    assert counted == []
    later(counted.append, 23)
    catch_up()
    assert counted == list(range(24))
    flush()
    assert counted == list(range(24))


def test_threads_that_add_up_at_once_count_everything_once() -> None:
    flush()
    counted: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        for number in range(20_000):
            later(counted.append, number)
            if number % 50 == 0:
                pool.submit(catch_up)
    flush()
    assert sorted(counted) == list(range(20_000))


def test_counting_goes_on_after_something_that_could_not_be_counted() -> None:
    counter = CounterTally("tally_goes_on", "Goes on", ("code",))

    async def count() -> None:
        flushing = asyncio.create_task(flush_often())
        later(counter.inc)  # without its label
        await asyncio.sleep(0.2)
        later(counter.inc, "a")
        await asyncio.sleep(0.2)
        assert value("tally_goes_on_total", code="a") == 1
        flushing.cancel()

    asyncio.run(count())


def test_requests_are_let_through_between_two_tallies() -> None:
    first, second = CounterTally("tally_first", "First"), CounterTally("tally_second", "Second")

    async def seen_meanwhile() -> set[tuple[float | None, float | None]]:
        flush()
        flushing = asyncio.create_task(flush_often())
        first.inc()
        second.inc()
        seen = set()
        while value("tally_second_total") != 1:
            await asyncio.sleep(0)
            seen.add((value("tally_first_total"), value("tally_second_total")))
        flushing.cancel()
        return seen

    assert asyncio.run(asyncio.wait_for(seen_meanwhile(), 10)) == {(0, 0), (1, 0), (1, 1)}


def test_a_busy_loop_delays_no_count_for_long() -> None:
    tallies = [CounterTally(f"tally_busy_{number}", "Busy") for number in range(20)]

    async def turns_until_all_are_flushed() -> int:
        flush()
        flushing = asyncio.create_task(flush_often())
        for tally in tallies:
            tally.inc()
        turns = 0
        while value("tally_busy_19_total") != 1:
            await asyncio.sleep(0)
            time.sleep(FLUSH_SECONDS / 4)  # what requests take in each turn of the loop
            turns += 1
        flushing.cancel()
        return turns

    assert asyncio.run(asyncio.wait_for(turns_until_all_are_flushed(), 10)) < 15
