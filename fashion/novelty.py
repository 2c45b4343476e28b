"""How unlike the training data a picture looks to a classifier, from what its graph computes anyway.

Three views that fail differently are added up: the distance from the nearest class in the last features, the
same in the first layer's statistics (strokes and noise differ there from fabric, long before they look like
any garment), and the energy of the logits. docs/decisions/0332 tells what else was measured.
"""

import math
from operator import sub
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.engine import Array
from fashion.manifest import Calibration

Float64 = NDArray[np.float64]


class Outputs(NamedTuple):
    """What a classifier's graphs give for pictures of one kind."""

    logits: Array
    """(batch, labels)."""
    features: Array
    """(batch, features): what the logits are a linear function of; with an early exit, those of the exit."""
    early: Array | None = None
    """(batch, statistics) of the first layer's maps, from graphs that give them."""
    left_early: NDArray[np.bool_] | None = None
    """(batch,): which rows the first half of a network with an early exit answered."""


class Distance:
    """How far rows lie from the nearest of some groups, in units of the groups' shared spread (Mahalanobis).

    Lee et al. 2018, arXiv:1807.03888.
    """

    def __init__(self, whitening: Array, group_means: Array) -> None:
        """`whitening` is (size, directions); `group_means` is (groups, directions), whitened."""
        whitening, means = np.asarray(whitening, np.float64), np.asarray(group_means, np.float64)
        self._num_directions = whitening.shape[1]
        # One product gives a row's whitened directions, and behind them its products with the groups' means.
        self._products = np.hstack((whitening, whitening @ means.T)).astype(np.float32)
        self._half_norms = 0.5 * (means**2).sum(axis=1)
        self._half_norms_listed: list[float] = self._half_norms.tolist()

    def __call__(self, rows: Array) -> Float64:
        """(batch, size) to (batch,)."""
        products = rows @ self._products  # (batch, directions + groups)
        white, towards = products[:, : self._num_directions], products[:, self._num_directions :]
        nearest = (towards.astype(np.float64) - self._half_norms).max(axis=1)
        return np.asarray(np.sqrt(np.maximum(np.vecdot(white, white) - 2 * nearest, 0.0)), dtype=np.float64)

    def of_one(self, row: Array) -> float:
        """The same of one row (size,), without arrays of one row: numpy's calls take longer than the
        arithmetic."""
        products = row.dot(self._products)
        white, towards = products[: self._num_directions], products[self._num_directions :]
        nearest = max(map(sub, towards.tolist(), self._half_norms_listed))
        return math.sqrt(max(float(white.dot(white)) - 2 * nearest, 0.0))


class NoveltyScore:
    """The weighted sum of the three views: higher is stranger, (batch,)."""

    def __init__(
        self,
        features: Distance,
        early: Distance | None = None,
        *,
        distance_weight: float,
        energy_weight: float,
        early_weight: float = 0.0,
    ) -> None:
        self._features = features
        self._early = early
        self._distance_weight = distance_weight
        self._energy_weight = energy_weight
        self._early_weight = early_weight

    @classmethod
    def from_artifact(cls, fit: Calibration, artifact: Artifact) -> "NoveltyScore | None":
        """The score that `fit` names, None where it names none."""
        if fit.novelty_file is None:
            return None
        arrays = artifact.arrays(fit.novelty_file)
        early = None
        if fit.novelty_early_weight:
            early = Distance(arrays["early_whitening"], arrays["early_class_means"])
        return cls(
            Distance(arrays["whitening"], arrays["class_means"]),
            early,
            distance_weight=fit.novelty_distance_weight,
            energy_weight=fit.novelty_energy_weight,
            early_weight=fit.novelty_early_weight,
        )

    def __call__(self, outputs: Outputs) -> Float64:
        """The score of each row."""
        scores = self._distance_weight * self._features(outputs.features)
        scores += self._energy_weight * energy(outputs.logits.astype(np.float64))
        if self._early is None or outputs.early is None:
            return scores
        return scores + self._early_weight * self._early(outputs.early)

    def of_each(self, outputs: Outputs) -> list[float]:
        """The same as floats, row by row: for a few."""
        logits: list[list[float]] = outputs.logits.tolist()
        scores = [
            self._distance_weight * self._features.of_one(features) + self._energy_weight * row_energy(row)
            for row, features in zip(logits, outputs.features, strict=True)
        ]
        if self._early is None or outputs.early is None:
            return scores
        weight, distance = self._early_weight, self._early.of_one
        return [score + weight * distance(early) for score, early in zip(scores, outputs.early, strict=True)]


def energy(logits: NDArray[Any]) -> Float64:
    """Minus the log of the sum of exponentials, (batch,): high where no label convinces.

    Liu et al. 2020, arXiv:2010.03759.
    """
    top = logits.max(axis=1)
    return np.asarray(-top - np.log(np.exp(logits - top[:, None]).sum(axis=1)), dtype=np.float64)


def row_energy(logits: list[float]) -> float:
    """`energy` of one row."""
    top = max(logits)
    return -top - math.log(sum([math.exp(logit - top) for logit in logits]))
