"""Figures of merit of a classifier's answers, each a function of arrays."""

import math

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

CALIBRATION_BINS = 15


def share_interval(share: float, count: int) -> tuple[float, float]:
    """The 95% interval of a share observed on `count` pictures (Wilson's score interval)."""
    z = 1.959964
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return centre - half, centre + half


def reliability(
    confidences: Float64, right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> list[tuple[int, float, float]]:
    """Count, mean confidence and accuracy of every bin of equal width that holds a picture."""
    index = np.minimum((confidences * bins).astype(int), bins - 1)
    chosen = [index == number for number in range(bins)]
    return [
        (int(members.sum()), float(confidences[members].mean()), float(right[members].mean()))
        for members in chosen
        if members.any()
    ]


def calibration_error(confidences: Float64, right: NDArray[np.bool_]) -> float:
    """Expected calibration error: the mean distance of confidence from accuracy over 15 bins of equal
    width."""
    parts = reliability(confidences, right)
    return sum(count * abs(confidence - accuracy) for count, confidence, accuracy in parts) / len(right)


def calibration_error_by_chance(confidences: Float64, draws: int = 200) -> float:
    """The calibration error to expect of probabilities that are exactly right, from so few pictures.

    Bins hold chance beside error: of 320 photographs even a perfect classifier shows about 6%.
    """
    random = np.random.default_rng(0)
    rights = random.random((draws, len(confidences))) < confidences
    return float(np.mean([calibration_error(confidences, right) for right in rights]))


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64], num_labels: int) -> NDArray[np.int64]:
    """Counts (num_labels, num_labels): a row for each true label, a column for each predicted one."""
    counts = np.bincount(labels * num_labels + predicted, minlength=num_labels**2)
    return counts.reshape(num_labels, num_labels).astype(np.int64)


def area_under_curve(inside: Float64, outside: Float64) -> float:
    """The probability that an outsider scores higher than an insider, ties counting half (AUROC)."""
    ordered = np.sort(inside)
    below = np.searchsorted(ordered, outside, side="left")
    not_above = np.searchsorted(ordered, outside, side="right")
    return float((below + not_above).mean() / (2 * len(inside)))
