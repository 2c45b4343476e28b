"""The token buckets: what they let through, to whom, and how they are shared."""

import multiprocessing
import multiprocessing.synchronize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion.errors import InvalidValue
from service import rate_limit
from service.access import Rate
from service.rate_limit import RateLimit, network_of
from service.refusals import Refusal


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(limit: RateLimit, client: str, times: int) -> int:
    """How many of so many requests are let through."""
    count = 0
    for _ in range(times):
        try:
            limit.take(client)
        except Refusal:
            continue
        count += 1
    return count


@pytest.mark.parametrize(
    ("text", "rate"),
    [("100/second", Rate(100, 1)), ("1/minute", Rate(1, 60)), ("5000/hour", Rate(5000, 3600))],
)
def test_a_rate_is_requests_and_a_time(text: str, rate: Rate):
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "100", "0/second", "-1/second", "1.5/second", "10/week", "10 / second"])
def test_anything_else_is_refused(text: str):
    with pytest.raises(InvalidValue, match="100/second"):
        Rate.parse(text)


def test_a_client_may_send_all_at_once_and_then_as_time_goes_by(clock: Clock):
    limit = RateLimit(Rate(10, 1), None, clock)
    assert taken(limit, "a", 15) == 10
    clock.now += 0.35
    assert taken(limit, "a", 15) == 3
    clock.now += 1000
    assert taken(limit, "a", 15) == 10


def test_one_clients_requests_are_none_of_anothers(clock: Clock):
    limit = RateLimit(Rate(3, 60), None, clock)
    assert taken(limit, "a", 5) == 3
    assert taken(limit, "b", 5) == 3


def test_who_is_refused_is_told_when_to_come_again(clock: Clock):
    limit = RateLimit(Rate(2, 60), None, clock)
    taken(limit, "a", 2)
    with pytest.raises(Refusal, match="2 in 60 s") as refused:
        limit.take("a")
    assert refused.value.code == "rate_limited"
    assert refused.value.headers == {"Retry-After": "30"}
    clock.now += 30
    limit.take("a")


@given(st.integers(1, 50), st.sampled_from([1, 60]), st.lists(st.floats(0, 30), max_size=60))
def test_never_more_than_the_rate_in_any_time_and_never_less_when_waiting(
    requests: int, seconds: int, pauses: list[float]
):
    clock = Clock()
    limit = RateLimit(Rate(requests, seconds), None, clock)
    let_through: list[float] = []
    for pause in pauses:
        clock.now += pause
        if taken(limit, "a", 1):
            let_through.append(clock.now)
        else:
            assert pause < seconds / requests
    for first, start in enumerate(let_through):
        for count, end in enumerate(let_through[first:], start=1):
            assert count <= requests + (end - start) * requests / seconds + 1e-6


def test_strangers_in_any_number_do_not_take_a_bucket_from_who_is_using_one(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rate_limit, "_SETS", 1)  # all of them in the same few places
    limit = RateLimit(Rate(100, 1), None, clock)
    assert taken(limit, "regular", 100) == 100
    for stranger in range(1000):
        clock.now += 0.0001
        limit.take(f"stranger {stranger}")
    assert taken(limit, "regular", 100) == 10  # what a tenth of a second brings, and no new bucket


def _take_many(folder: Path, begin: multiprocessing.synchronize.Event, counts: "multiprocessing.Queue[int]"):
    limit = RateLimit(Rate(500, 86400), folder)
    begin.wait(30)
    counts.put(taken(limit, "a", 400))


def test_processes_that_share_a_folder_share_the_limit_exactly(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    begin, counts = context.Event(), context.Queue()
    workers = [context.Process(target=_take_many, args=(tmp_path, begin, counts)) for _ in range(3)]
    for worker in workers:
        worker.start()
    begin.set()
    let_through = sum(counts.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(10)
    assert 500 <= let_through <= 501  # 500 a day is one in 173 s, and the test may see that one


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not an address", "not an address"),
    ],
)
def test_an_address_stands_for_what_one_client_can_have(address: str, network: str):
    assert network_of(address) == network
