"""How long a call takes, as reports quote it."""

import time
from collections.abc import Callable

import numpy as np


def median_seconds(call: Callable[[], object], repetitions: int) -> float:
    """The median of so many calls, one after the other."""
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
