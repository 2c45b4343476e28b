"""Probabilities that mean what they say, fitted on pictures never trained on.

First softmax(logits * scale + bias), in three families of growing freedom: one temperature, a temperature
with a bias for each label, and a scale and a bias for each label (vector scaling; all in Guo et al. 2017,
arXiv:1706.04599). Then, where it helps, the highest probability is moved along a curve of three parameters
(beta calibration): a network that was taught with smoothed labels and mixed pictures is unsure in another
shape than any temperature can mend. More freedom fits small calibration sets too well, so cross-validation
chooses, by scores that no dishonest probability can win: the simplest method that the best one does not beat
by more than chance (the rule of one standard error: Hastie et al. 2009, The Elements of Statistical Learning,
section 7.10).

Families are compared by the Brier score of all labels. A curve moves one probability, of which that score
hears little beside the other nine; it is taken by the likelihood that it is fitted by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.classifier import softmax, with_confidence
from fashion.labels import NUM_LABELS
from training.answers import Answers

Family = Literal["temperature", "temperature_and_bias", "vector"]
FAMILIES: Final[tuple[Family, ...]] = ("temperature", "temperature_and_bias", "vector")

Curve = tuple[float, float, float]
STRAIGHT: Final[Curve] = (1.0, 1.0, 0.0)
"""The curve that changes nothing."""

_FOLDS = 5
_DRAWS = 4  # of folds, always the same ones: fits must not change from day to day
_MAX_STEPS = 100  # some twenty are enough; where labels can be told apart without an error, none ever are
_PULL = 0.5  # of the curve, in nats for a parameter that is one off
_LOWEST = 0.3  # of ten labels' highest probabilities next to none is lower

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LogitScaling:
    """Logits to calibrated probabilities."""

    scale: Float64
    """(10,)."""
    bias: Float64
    """(10,)."""
    curve: Curve | None = None
    """What the highest probability is moved along; None: it stays."""

    def __call__(self, logits: NDArray[np.float32]) -> Float64:
        """Probabilities (count, 10) of logits (count, 10)."""
        probabilities = self.without_curve(logits)
        return probabilities if self.curve is None else with_confidence(probabilities, self.curve)

    def without_curve(self, logits: NDArray[np.float32]) -> Float64:
        """What prediction sets are made from: the curve moves the less probable labels about, which makes
        sets of the same coverage larger."""
        return softmax(logits * self.scale + self.bias)


@dataclass(frozen=True, slots=True)
class Method:
    """One way to calibrate."""

    family: Family
    curved: bool

    def __str__(self) -> str:
        return self.family + (" and curve" if self.curved else "")


@dataclass(frozen=True, slots=True, eq=False)
class ChosenScaling:
    """The method that cross-validation chose, fitted on everything, and the scores of those compared."""

    method: Method
    scaling: LogitScaling
    held_out_scores: dict[Method, float]
    """Mean Brier score (squared distance from the truth, 0 to 2), on pictures that were not fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """What fits on other pictures say of each picture, the lower the better: (count,)."""

    brier_scores: Float64
    surprises: Float64
    """Negative log-likelihood, in nats, of the most probable label's being right or not."""


def choose_scaling(answers: Answers, families: Sequence[Family] = FAMILIES) -> ChosenScaling:
    """Fit every family, and keep one: the simplest whose cross-validated Brier score is within a
    standard error of the lowest, with the curve unless its likelihood is within one of doing without.
    """
    plain = [Method(family, False) for family in families]  # from few parameters to many
    with threadpool_limits(limits=1):  # over so few numbers, threads mostly wait for each other
        seen = {method: _cross_validated(answers, method) for method in plain}
        straight = simplest_good({method: seen[method].brier_scores for method in plain})
        curved = replace(straight, curved=True)
        seen[curved] = _cross_validated(answers, curved)
        chosen = simplest_good({method: seen[method].surprises for method in (straight, curved)})
        scaling = fit_method(answers, chosen)
    scores = {method: float(each.brier_scores.mean()) for method, each in seen.items()}
    return ChosenScaling(chosen, scaling, scores)


def simplest_good(scores: Mapping[Method, Float64]) -> Method:
    """The first method whose scores of the pictures, the lower the better, have a mean that is within one
    standard error of the lowest; the error is that of the difference, picture by picture."""
    best = min(scores.values(), key=lambda each: float(each.mean()))

    def is_good(method: Method) -> bool:
        behind = scores[method] - best
        return bool(behind.mean() <= behind.std(ddof=1) / np.sqrt(len(behind)))

    return next(method for method in scores if is_good(method))


def fit_method(answers: Answers, method: Method) -> LogitScaling:
    """Maximise the likelihood of the acceptable labels, then that of the best label's being right."""
    scaling = fit_scaling(answers, method.family)
    return replace(scaling, curve=_fit_curve(answers, scaling)) if method.curved else scaling


def brier_scores(probabilities: Float64, acceptable: NDArray[np.bool_]) -> Float64:
    """Squared distance of the probabilities from the truth: (count,).

    Where several labels are right, the truth shares itself among them as the probabilities do.
    """
    within = probabilities * acceptable
    mass = within.sum(axis=1, keepdims=True)
    even = acceptable / np.maximum(acceptable.sum(axis=1, keepdims=True), 1)
    truth = np.where(mass > 0, within / np.maximum(mass, 1e-12), even)
    return np.asarray(((probabilities - truth) ** 2).sum(axis=1))


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

    found = minimize(
        loss_and_slope, np.array(start), jac=True, method="L-BFGS-B", options={"maxiter": _MAX_STEPS}
    )
    return _scaling(family, np.asarray(found.x, dtype=np.float64))


def loss_nats(probabilities: Float64, acceptable: NDArray[np.bool_]) -> Float64:
    """Negative log-likelihood of the acceptable labels, in nats: (count,)."""
    return np.asarray(-np.log(np.maximum((probabilities * acceptable).sum(axis=1), 1e-12)))


def _cross_validated(answers: Answers, method: Method) -> _HeldOut:
    """Each picture by fits on others, the mean over draws of the folds."""
    made = _HeldOut(np.zeros(len(answers)), np.zeros(len(answers)))
    for draw in range(_DRAWS):
        fold = np.random.default_rng(draw).permutation(len(answers)) % _FOLDS
        for number in range(_FOLDS):
            inside, held_out = fold == number, answers.select(fold == number)
            probabilities = fit_method(answers.select(fold != number), method)(held_out.logits)
            made.brier_scores[inside] += brier_scores(probabilities, held_out.acceptable) / _DRAWS
            made.surprises[inside] += _surprises(probabilities, held_out.acceptable) / _DRAWS
    return made


def _surprises(probabilities: Float64, acceptable: NDArray[np.bool_]) -> Float64:
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    top, right = probabilities[rows, best], acceptable[rows, best]
    return np.asarray(-np.log(np.maximum(np.where(right, top, 1 - top), 1e-12)))


def _fit_curve(answers: Answers, scaling: LogitScaling) -> Curve:
    """Logistic regression of being right on the two logarithms of the highest probability.

    A little pull towards the straight curve keeps it finite where every answer is right.
    """
    probabilities = scaling(answers.logits)
    best = probabilities.argmax(axis=1)
    right = answers.acceptable[np.arange(len(answers)), best].astype(np.float64)
    top = np.clip(probabilities.max(axis=1), 1e-9, 1 - 1e-9)
    # The second input makes the curve level at the lowest probability that matters, so that with weights of
    # zero and more it never falls beyond.
    level = _LOWEST / (1 - _LOWEST)
    inputs = np.stack([np.log(top), -np.log1p(-top) - level * np.log(top), np.ones(len(top))], axis=1)

    start = np.array([STRAIGHT[0] + level * STRAIGHT[1], STRAIGHT[1], STRAIGHT[2]])

    def loss_and_slope(curve: Float64) -> tuple[float, Float64]:
        logits = inputs @ curve
        loss = np.logaddexp(0, logits) - right * logits
        slope = (1 / (1 + np.exp(-logits)) - right) @ inputs / len(top)
        away = curve - start
        return float(loss.mean() + _PULL * away @ away / len(top)), slope + 2 * _PULL * away / len(top)

    bounds = [(0.0, None), (0.0, None), (None, None)]
    a, b, c = minimize(loss_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return a - level * b, b, c


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
