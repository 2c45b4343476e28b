"""Probabilities that mean what they say: softmax(logits * scale + bias), fitted on pictures never trained on.

Three families of growing freedom, all of which keep serving as cheap as a plain softmax: one temperature, a
temperature with a bias for each label, and a scale and a bias for each label (vector scaling; all in Guo et
al. 2017, arXiv:1706.04599). More freedom fits small calibration sets too well, so cross-validation chooses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fashion.classifier import softmax
from fashion.labels import NUM_LABELS
from training.answers import Answers

Family = Literal["temperature", "temperature_and_bias", "vector"]
FAMILIES: Final[tuple[Family, ...]] = ("temperature", "temperature_and_bias", "vector")

_FOLDS = 5
_SEED = 0  # of the folds: fits must not change from day to day

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LogitScaling:
    """Logits to calibrated probabilities."""

    scale: Float64
    """(10,)."""
    bias: Float64
    """(10,)."""

    def __call__(self, logits: NDArray[np.float32]) -> Float64:
        """Probabilities (count, 10) of logits (count, 10)."""
        return softmax(logits * self.scale + self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class ChosenScaling:
    """The family that cross-validation chose, fitted on everything, and each family's held-out loss."""

    family: Family
    scaling: LogitScaling
    held_out_nats: dict[Family, float]
    """Mean negative log-likelihood in nats a picture, on folds that were not fitted on."""


def choose_scaling(answers: Answers, families: Sequence[Family] = FAMILIES) -> ChosenScaling:
    """Fit every family, keep the one with the lowest cross-validated negative log-likelihood."""
    losses = {family: _cross_validated(answers, family) for family in families}
    best = min(families, key=lambda family: losses[family])
    return ChosenScaling(best, fit_scaling(answers, best), losses)


def fit_scaling(answers: Answers, family: Family) -> LogitScaling:
    """Maximise the likelihood of the acceptable labels."""
    logits = answers.logits.astype(np.float64)
    start = {"temperature": [1.0], "temperature_and_bias": [1.0] + [0.0] * NUM_LABELS}.get(
        family, [1.0] * NUM_LABELS + [0.0] * NUM_LABELS
    )

    def loss_and_slope(parameters: Float64) -> tuple[float, Float64]:
        scaling = _scaling(family, parameters)
        probabilities = scaling(answers.logits)
        within = np.where(answers.acceptable, probabilities, 0.0)
        mass = np.maximum(within.sum(axis=1, keepdims=True), 1e-300)
        slope = (probabilities - within / mass) / len(answers)  # of the loss, by the scaled logits
        by_scale, by_bias = (slope * logits).sum(axis=0), slope.sum(axis=0)
        return float(-np.log(mass).mean()), _slope(family, by_scale, by_bias)

    found = minimize(loss_and_slope, np.array(start), jac=True, method="L-BFGS-B")
    return _scaling(family, np.asarray(found.x, dtype=np.float64))


def loss_nats(probabilities: Float64, acceptable: NDArray[np.bool_]) -> Float64:
    """Negative log-likelihood of the acceptable labels, in nats: (count,)."""
    return np.asarray(-np.log(np.maximum((probabilities * acceptable).sum(axis=1), 1e-12)))


def _cross_validated(answers: Answers, family: Family) -> float:
    fold = np.random.default_rng(_SEED).permutation(len(answers)) % _FOLDS
    losses = np.zeros(len(answers))
    for number in range(_FOLDS):
        held_out = answers.select(fold == number)
        scaling = fit_scaling(answers.select(fold != number), family)
        losses[fold == number] = loss_nats(scaling(held_out.logits), held_out.acceptable)
    return float(losses.mean())


def _scaling(family: Family, parameters: Float64) -> LogitScaling:
    if family == "vector":
        return LogitScaling(parameters[:NUM_LABELS], parameters[NUM_LABELS:])
    scale = np.full(NUM_LABELS, parameters[0])
    return LogitScaling(scale, parameters[1:] if family == "temperature_and_bias" else np.zeros(NUM_LABELS))


def _slope(family: Family, by_scale: Float64, by_bias: Float64) -> Float64:
    if family == "temperature":
        return np.asarray(by_scale.sum(keepdims=True))
    if family == "temperature_and_bias":
        return np.concatenate([by_scale.sum(keepdims=True), by_bias])
    return np.concatenate([by_scale, by_bias])
