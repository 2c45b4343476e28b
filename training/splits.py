"""Train, calibration and validation: three parts of the training pictures, always the same ones.

*train* fits weights, *validation* picks checkpoints and recipes, *calibration* fits what is said about doubt.
A calibration picture that was trained on makes every stated probability a lie, and commands that run on
different days and machines must agree on the parts. So no random generator is involved, whose stream a
release of numpy may change: the order comes from BLAKE2b of a picture's index, keyed with the seed.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.errors import InvalidValue
from fashion.labels import NUM_LABELS
from training.dataset import Dataset

SPLIT_SEED: Final = 0
"""Apart from the seed of a run: runs that differ in seed are compared on the same validation pictures."""


@dataclass(frozen=True, slots=True)
class SplitSizes:
    """How many pictures each part gets; what is left over goes to none."""

    train: int = 50_000
    calibration: int = 5_000
    validation: int = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three parts with no picture in common, each in the dataset's order."""

    train: Dataset
    calibration: Dataset
    validation: Dataset
    calibration_source: str = "Fashion-MNIST, calibration part of the training files"
    """What manifests say of the pictures that calibrate."""


def split(dataset: Dataset, sizes: SplitSizes | None = None, *, seed: int = SPLIT_SEED) -> Split:
    """Cut `dataset` so that every part has its labels in about the proportions of the whole.

    Validation is cut first, then calibration, then train: changing the size of a later part leaves the
    earlier ones as they were.

    Raises:
        InvalidValue: a size is negative, or the sizes exceed the dataset.
    """
    sizes = sizes or SplitSizes()
    _check(sizes, len(dataset))
    order = _stratified_order(dataset.labels, seed)
    cuts = np.cumsum([sizes.validation, sizes.calibration, sizes.train])
    validation, calibration, train, _ = (np.sort(part) for part in np.split(order, cuts))
    return Split(dataset.select(train), dataset.select(calibration), dataset.select(validation))


def refit_whole(parts: Split) -> Split:
    """The parts of a recipe that has nothing left to choose: all of validation is trained on.

    `validation` stays as it is, although it then judges nothing.
    """
    return replace(parts, train=_joined(parts.train, parts.validation))


def refit_in_halves(parts: Split) -> Split:
    """The same with half of validation and half of calibration; the other halves calibrate.

    As many pictures train and calibrate. But two parts of 5,000 differ by chance in how hard they are, by
    more than a point of accuracy (docs/classifier.md), and probabilities that are fitted on the easier one
    come out too sure; half of each evens that out.
    """
    taken, unseen = zip(_halves(parts.validation), _halves(parts.calibration), strict=True)
    return replace(
        parts,
        train=_joined(parts.train, *taken),
        calibration=_joined(*unseen),
        calibration_source="Fashion-MNIST, half of each of two parts held out from the training files",
    )


def _halves(part: Dataset) -> tuple[Dataset, Dataset]:
    """Both halves, each with the labels in about the proportions of the part."""
    first = len(part) // 2
    cut = split(part, SplitSizes(train=0, calibration=len(part) - first, validation=first))
    return cut.validation, cut.calibration


def _joined(*parts: Dataset) -> Dataset:
    return Dataset(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
    )


def _check(sizes: SplitSizes, available: int) -> None:
    for name in ("train", "calibration", "validation"):
        size = getattr(sizes, name)
        if size < 0:
            raise InvalidValue(
                f"Expected a size of 0 or more for the {name} part, came {size:,}.", field=name
            )
    asked = sizes.train + sizes.calibration + sizes.validation
    if asked > available:
        raise InvalidValue(
            f"Expected parts that fit into {available:,} pictures, came {sizes.train:,} + "
            f"{sizes.calibration:,} + {sizes.validation:,} = {asked:,}. Make one of them smaller.",
            field="train",
        )


def _stratified_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return all indices in an order of which every stretch holds the labels in their proportions.

    Each label's pictures are shuffled and spread evenly over [0, 1); reading all of them from left to right
    mixes the labels like the teeth of zips.
    """
    shuffled = np.array(sorted(range(len(labels)), key=lambda index: _key(index, seed)), dtype=np.int64)
    position = np.empty(len(labels))
    for label in range(NUM_LABELS):
        members = shuffled[labels[shuffled] == label]
        position[members] = (np.arange(len(members)) + 0.5) / max(len(members), 1)
    return shuffled[np.argsort(position[shuffled], kind="stable")]


def _key(index: int, seed: int) -> bytes:
    return blake2b(index.to_bytes(8, "big"), key=str(seed).encode(), digest_size=8).digest()
