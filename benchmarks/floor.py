"""What no server can beat: decoding and the bare engine, in a plain loop on one thread.

What preparing, calibrating and building an answer take is measured beside it; it is not part of the floor.
"""

import io
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Final

from PIL import Image

from benchmarks.apps.answering import Models, prepared, prepared_picture, target_side
from benchmarks.workloads import GENERATE, GENERATED, LARGE, MANY, PHONE, SMALL, Workload
from fashion.classifier import Classifier
from fashion.decoding import decode
from fashion.preparation import Prepared

Steps = dict[str, float]  # microseconds a request by step; "floor" is the one that counts

_BATCHES: Final = (1, 8, 32, 256)
_DRAFT: Final = 8  # libjpeg's largest reduction while it decodes


def floors(models: Models) -> dict[str, Steps]:
    """The steps of every workload, by its name."""
    classifier = models.classifier
    return {
        SMALL.name: {**_one(classifier, SMALL), "engine, the mean picture": _mean_of_engine(classifier)},
        PHONE.name: _one(classifier, PHONE),
        LARGE.name: {**_one(classifier, LARGE), "scaled decode": _median(scaled_decode)},
        MANY.name: _many(classifier),
        GENERATE.name: {
            "floor": _median(lambda: models.autoencoder.generate(GENERATED["count"], seed=GENERATED["seed"]))
        },
    }


def mean_of(measured: Sequence[dict[str, Steps]]) -> dict[str, Steps]:
    """The mean of each step over floors of the same workloads."""
    return {
        workload: {step: statistics.fmean(made[workload][step] for made in measured) for step in steps}
        for workload, steps in measured[0].items()
    }


def scaled_decode() -> None:
    """Decode the large JPEG as small as libjpeg can, and nothing else."""
    with Image.open(io.BytesIO(LARGE.pictures()[0])) as image:
        image.draft("RGB", (image.width // _DRAFT, image.height // _DRAFT))
        image.load()


def _one(classifier: Classifier, workload: Workload) -> Steps:
    bodies, side = workload.pictures(), target_side(classifier)
    pictures = [decode(body, target_side=side) for body in bodies]
    ready = [prepared_picture(classifier, picture) for picture in pictures]
    body, picture, one = cycle(bodies), cycle(pictures), cycle(ready)
    return {
        "floor": _median(lambda: (decode(next(body), target_side=side), classifier.outputs([next(one)]))),
        "decode": _median(lambda: decode(next(body), target_side=side)),
        "prepare": _median(lambda: prepared_picture(classifier, next(picture))),
        "engine": _median(lambda: classifier.outputs([next(one)])),
        "engine and answer": _median(lambda: classifier.classify([next(one)])),
    }


def _mean_of_engine(classifier: Classifier) -> float:
    """Microseconds: half of the network is enough for most small pictures, and the median is theirs."""
    pictures = [prepared(classifier, body) for body in SMALL.pictures()]
    return _median(lambda: [classifier.outputs([picture]) for picture in pictures]) / len(pictures)


def _many(classifier: Classifier) -> Steps:
    """Of all pictures together; the engine takes them in whichever batches are fastest."""
    bodies, side = MANY.pictures(), target_side(classifier)
    ready = [prepared(classifier, body) for body in bodies]
    decoding = _median(lambda: [decode(body, target_side=side) for body in bodies])
    engine = min(_median(lambda size=size: _in_batches(classifier, ready, size)) for size in _BATCHES)  # type: ignore[misc]  # a lambda's default
    return {"floor": decoding + engine, "decode": decoding, "engine": engine}


def _in_batches(classifier: Classifier, pictures: Sequence[Prepared], size: int) -> None:
    for start in range(0, len(pictures), size):
        classifier.outputs(pictures[start : start + size])


def _median(call: Callable[[], object], seconds: float = 0.2) -> float:
    """Microseconds of one call: the median of as many as fit into `seconds`, at least five."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return statistics.median(taken) * 1e6
