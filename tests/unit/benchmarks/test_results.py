import pytest

from benchmarks.floor import mean_of
from benchmarks.peers import OURS
from benchmarks.plan import Point
from benchmarks.results import Results, Spread
from benchmarks.targets import BUSY, ONE, TARGETS, best_rival, over_floor_us, rate
from tests.unit.benchmarks.made_up import measured, results

BY_NAME = {target.name: target for target in TARGETS}


def test_a_spread_is_the_median_between_the_extremes():
    assert Spread.of([3, 1, 10]) == Spread(3, 1, 10)
    assert Spread.of([]) is None


def test_ratios_are_taken_within_each_round():
    """In the second round the machine was half as fast for both: the ratio does not change."""
    run = results(
        measured(OURS, BUSY, 0, rate=300),
        measured("starlette", BUSY, 0, rate=200),
        measured(OURS, BUSY, 1, rate=150),
        measured("starlette", BUSY, 1, rate=100),
    )
    assert run.ratio(OURS, "starlette", BUSY, rate) == Spread(1.5, 1.5, 1.5)


def test_a_round_in_which_nothing_was_answered_is_no_measurement():
    run = results(measured(OURS, BUSY, 0, rate=0, requests=0), measured(OURS, BUSY, 1, rate=90))
    assert run.spread(OURS, BUSY, rate) == Spread(90, 90, 90)


def test_results_come_back_from_their_file(tmp_path):
    run = results(measured(OURS, BUSY), measured("mosec", Point("small-png", "open", 0.5), sharing=None))
    run.floors.append({"small-png": {"floor": 300.0}})
    run.left_out["litserve"] = "it did not start"
    run.save(tmp_path / "folder" / "run.json")
    assert Results.read(tmp_path / "folder" / "run.json") == run


@pytest.mark.parametrize(
    ("ratio", "first", "aim"), [(1.0, "met", "met"), (1.1, "met", "missed"), (1.3, "missed", "missed")]
)
def test_a_latency_meets_a_target_from_below(ratio, first, aim):
    run = results(measured(OURS, ONE, p50=ratio), measured("starlette", ONE, p50=1))
    target = BY_NAME["1 connection: p50 over Starlette's"]
    seen = target.measure(run)
    assert (target.verdict(seen, target.first), target.verdict(seen, target.aim)) == (first, aim)


def test_throughput_meets_a_target_from_above_and_beside_the_best_peer():
    run = results(
        measured(OURS, BUSY, rate=900),
        measured("starlette", BUSY, rate=800),
        measured("mosec", BUSY, rate=1000),
        measured("empty-starlette", BUSY, rate=9000),
    )
    assert best_rival(run) == "mosec"
    ahead = BY_NAME["32 connections: requests/s over the best peer's"]
    assert ahead.measure(run) == Spread(0.9, 0.9, 0.9)
    assert ahead.verdict(ahead.measure(run), ahead.aim) == "missed"
    beside = BY_NAME["32 connections: requests/s over Starlette's"]
    assert beside.verdict(beside.measure(run), beside.first) == "met"
    assert beside.verdict(beside.measure(run), beside.aim) is None


def test_what_was_not_measured_is_neither_met_nor_missed():
    run = results(measured(OURS, ONE))
    target = BY_NAME["32 connections: requests/s over FastAPI + torch's"]
    assert target.verdict(target.measure(run), target.first) == "not measured"


def test_the_floor_of_a_round_is_the_mean_of_those_around_our_turn():
    before, after = (
        {"small-png": {"floor": each, "decode": 20.0}, "generate": {"floor": 9.0}} for each in (400.0, 500.0)
    )
    assert mean_of([before, after]) == {
        "small-png": {"floor": 450.0, "decode": 20.0},
        "generate": {"floor": 9.0},
    }


def test_the_cost_over_the_floor_is_that_of_the_same_round():
    floors = [{"small-png": {"floor": 400.0}}, {"small-png": {"floor": 800.0}}]
    run = results(measured(OURS, ONE, 0, p50=0.7), measured(OURS, ONE, 1, p50=1.2), floors=floors)
    assert over_floor_us(run) == pytest.approx(Spread(350, 300, 400)) or over_floor_us(run) == Spread(
        350, 300, 400
    )
