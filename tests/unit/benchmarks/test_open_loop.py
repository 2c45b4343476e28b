import time
from itertools import pairwise

import pytest

from benchmarks.load import percentile
from benchmarks.open_loop import arrivals, drive, drive_apart, whole_answer
from tests.unit.benchmarks.tiny_server import serving


def test_requests_arrive_as_a_poisson_process_of_the_rate_asked_for():
    times = arrivals(rate=200, seconds=50, seed=3)
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert variance == pytest.approx(mean**2, rel=0.1)  # of an exponential distribution
    assert times == sorted(times)
    assert times[-1] < 50


def test_the_same_seed_gives_the_same_arrivals():
    assert arrivals(50, 2, seed=1) == arrivals(50, 2, seed=1) != arrivals(50, 2, seed=2)


def test_every_request_is_sent_and_answered():
    with serving(lambda _: 200) as url:
        load = drive(url, [b"body"], "text/plain", rate=100, seconds=1, connections=8)
    assert load.requests == len(arrivals(100, 1))
    assert load.errors == 0
    assert load.requests_per_second == pytest.approx(load.requests)


def test_a_stall_is_charged_to_every_request_that_was_due_in_it():
    """A closed loop of four connections would have seen four slow requests, and a median of a millisecond."""
    stall_seconds = 0.6

    def answer(number: int) -> int:
        if number == 20:
            time.sleep(stall_seconds)
        return 200

    with serving(answer) as url:
        load = drive(url, [b"body"], "text/plain", rate=200, seconds=1, connections=4)
    assert load.errors == 0
    assert load.worst >= 1e3 * stall_seconds * 0.9
    # Six in ten were due meanwhile, and waited for anything between nothing and all of it.
    assert load.p50 >= 1e3 * stall_seconds * 0.08


def test_refusals_and_missing_answers_are_errors():
    def answer(number: int) -> int:
        if number == 20:
            time.sleep(2)  # longer than the load and its grace
        return 500 if number % 2 else 200

    with serving(answer) as url:
        load = drive(url, [b"body"], "text/plain", rate=50, seconds=0.8, connections=2)
    asked = len(arrivals(50, 0.8))
    assert load.requests == asked
    assert load.errors == asked - 10  # of the first twenty every second, and all behind them
    assert load.worst > 900


def test_a_load_runs_in_a_process_of_its_own():
    came: list[bytes] = []
    with serving(lambda _: 200, came) as url:
        load = drive_apart(url, [b"one", b"another"], "text/plain", rate=50, seconds=0.4)
    assert load.requests == len(arrivals(50, 0.4))
    assert load.errors == 0
    assert set(came) == {b"one", b"another"}
    assert abs(came.count(b"one") - came.count(b"another")) <= 1


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Len", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbod", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody", 200),
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", 429),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", 200),
    ],
)
def test_an_answer_is_whole_when_its_last_byte_has_come(received, status):
    assert whole_answer(received) == status


def test_percentiles_are_values_that_were_measured():
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 0.999, 0.0)] == [50, 99, 100, 1]
    assert percentile([7.0], 0.99) == 7
