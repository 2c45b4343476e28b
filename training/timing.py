"""How long a call takes, as reports quote it."""

import time
from collections.abc import Callable

import numpy as np


def seconds_of(call: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_seconds(call: Callable[[], object], repetitions: int) -> float:
    """The median of so many calls, one after the other."""
    return float(np.median([seconds_of(call) for _ in range(repetitions)]))
