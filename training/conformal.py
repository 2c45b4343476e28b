"""Prediction sets that hold the right label with a stated probability (split conformal prediction).

A label joins the set when its probability reaches a threshold (Sadinle et al. 2019, arXiv:1609.00451). One
threshold for all labels promises coverage on average; a threshold for each label promises it for every label,
at the price of larger sets. The second is taken where the first would shortchange a label.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fashion.labels import NUM_LABELS

Float64 = NDArray[np.float64]

# How far below the promise a label's own coverage may lie before it gets a threshold of its own.
_TOLERATED_SHORTFALL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class SetThresholds:
    """A label is in the set when its probability reaches its threshold."""

    thresholds: Float64
    """(10,)."""
    kind: Literal["marginal", "by_label"]

    def sets(self, probabilities: Float64) -> NDArray[np.bool_]:
        """Membership (count, 10); the most probable label is always in, as it is when served."""
        members = probabilities >= self.thresholds
        members[np.arange(len(members)), probabilities.argmax(axis=1)] = True
        return members


def choose_thresholds(
    probabilities: Float64, acceptable: NDArray[np.bool_], coverage: float
) -> SetThresholds:
    """Fit on calibration pictures: probabilities (count, 10), acceptable labels (count, 10)."""
    marginal = marginal_thresholds(probabilities, acceptable, coverage)
    shortest = min(covered_by_label(marginal.sets(probabilities), acceptable).values())
    counts = acceptable[acceptable.sum(axis=1) == 1].sum(axis=0)
    enough = counts.min() >= math.ceil(1 / (1 - coverage)) - 1
    if enough and shortest < coverage - _TOLERATED_SHORTFALL:
        return thresholds_by_label(probabilities, acceptable, coverage)
    return marginal


def marginal_thresholds(
    probabilities: Float64, acceptable: NDArray[np.bool_], coverage: float
) -> SetThresholds:
    """One threshold for all labels. A picture with several right labels is covered by any of them."""
    right = np.where(acceptable, probabilities, 0.0).max(axis=1)
    return SetThresholds(np.full(NUM_LABELS, _threshold(right, coverage)), "marginal")


def thresholds_by_label(
    probabilities: Float64, acceptable: NDArray[np.bool_], coverage: float
) -> SetThresholds:
    """A threshold for each label, from the calibration pictures of that label."""
    thresholds = [_threshold(probabilities[acceptable[:, k], k], coverage) for k in range(NUM_LABELS)]
    return SetThresholds(np.array(thresholds), "by_label")


def covered_by_label(sets: NDArray[np.bool_], acceptable: NDArray[np.bool_]) -> dict[int, float]:
    """The share of each label's pictures whose set holds an acceptable label; labels without pictures are
    left out."""
    covered = np.asarray((sets & acceptable).any(axis=1))
    of_label = list(acceptable.T)
    return {k: float(covered[rows].mean()) for k, rows in enumerate(of_label) if rows.any()}


def _threshold(probabilities_of_right: Float64, coverage: float) -> float:
    """The highest threshold that a new picture's right label reaches with the probability `coverage`.

    With n calibration pictures it is the k-th smallest probability, k = floor((n + 1)(1 - coverage)): the
    finite-sample correction of split conformal prediction. Too few pictures (k = 0) admit every label.
    """
    ascending = np.sort(probabilities_of_right)
    rank = math.floor((len(ascending) + 1) * (1 - coverage) + 1e-9)
    return float(ascending[rank - 1]) if rank else 0.0
