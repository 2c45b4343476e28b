"""What any load generator reports of one load."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """One server under one load; times in milliseconds.

    `errors` counts whatever was no answer with a status below 400. `late` is how long after its time the
    generator itself sent the 99th of 100 requests: where it is large, the generator was the bottleneck.
    """

    requests: int
    requests_per_second: float
    p50: float
    p99: float
    p999: float
    worst: float
    errors: int
    late: float = 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ascending values that `share` of them do not exceed (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
