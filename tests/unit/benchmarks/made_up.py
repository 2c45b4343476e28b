"""Results as a run would have them, with numbers that a test chooses."""

from benchmarks.load import Load
from benchmarks.plan import Point
from benchmarks.results import Measured, Results, Weighed


def load(rate: float = 100, p50: float = 1, p99: float = 2, requests: int = 2000, errors: int = 0) -> Load:
    """A load with the rest of its numbers in proportion."""
    return Load(requests, rate, p50, p99, 2 * p99, 3 * p99, errors)


def measured(
    peer: str, point: Point, number: int = 0, sharing: float | None = 1.2, **numbers: float
) -> Measured:
    """One peer under one load in one round."""
    return Measured(peer, number, point, load(**numbers), 0.5, sharing)  # type: ignore[arg-type]  # made of numbers


def results(*made: Measured, floors: list[dict[str, dict[str, float]]] | None = None) -> Results:
    """A run of these loads, with every peer weighed once."""
    about = {
        "date": "2026-01-02T03:04+00:00",
        "processor": "Abacus",
        "cores": 2,
        "load_average_before": 0.1,
        "models": ["fashion-classifier v1"],
        "workers": 2,
        "leave_early": "48 of 64",
        "rounds": 1,
        "seconds": 1,
        "capacity": 800.0,
    }
    peers = dict.fromkeys(each.peer for each in made)
    weighed = [Weighed(peer, 0, 2.5, 500.0, 250.0) for peer in peers]
    return Results(about, floors or [], list(made), weighed)
