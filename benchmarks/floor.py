"""What no server can beat: decoding, preparing and classifying one picture in a plain loop."""

import statistics
import time
from collections.abc import Callable

from fashion.classifier import Classifier
from fashion.decoding import decode
from fashion.preparation import WORKING_SIDE, prepare


def floor_microseconds(classifier: Classifier, body: bytes) -> dict[str, float]:
    """The median time of each step, and of all together, for one picture on one thread."""
    picture = decode(body, target_side=WORKING_SIDE)
    prepared = prepare(picture)
    return {
        "decode": _median(lambda: decode(body, target_side=WORKING_SIDE)),
        "prepare": _median(lambda: prepare(picture)),
        "infer": _median(lambda: classifier.classify([prepared])),
        "together": _median(lambda: classifier.classify([prepare(decode(body, target_side=WORKING_SIDE))])),
    }


def _median(call: Callable[[], object], seconds: float = 0.5) -> float:
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken) * 1e6
