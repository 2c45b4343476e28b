"""Calibration for photographs, which come by sender: what is fitted must hold for people not seen before.

A few people took many of the calibration photographs, on one floor and in one light. Each sender's
photographs therefore count together as the root of their number. One temperature is all that so few
photographs bear: it is fitted to what is stated, the probability that the answer is right, because a handful
of hopeless pictures rules the likelihood. docs/photographs.md has the comparison.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from fashion.labels import NUM_LABELS
from training.answers import Answers
from training.conformal import SetThresholds
from training.novelty import NoveltyFit, fit_novelty
from training.probabilities import ChosenScaling, LogitScaling, Method, brier_scores

Float64 = NDArray[np.float64]

DISTANCE_SHARE: Final = 0.25
"""How much the distance in features counts beside the energy, each by its own spread.

Distances differ between senders more than energies do. A quarter finds three of four bare floors, cut from
calibration photographs, with false alarms as even over senders as those of the energy alone.
"""

_WIDEST_SCALE = 4.0  # no fit goes beyond this factor either way


def sender_weights(senders: Sequence[int]) -> Float64:
    """What each photograph counts, one alone by its sender counting 1: (count,)."""
    _, sender, numbers = np.unique(np.asarray(senders), return_inverse=True, return_counts=True)
    return np.asarray(numbers[sender.reshape(-1)] ** -0.5, dtype=np.float64)


def choose_temperature(answers: Answers, senders: Sequence[int]) -> ChosenScaling:
    """The temperature fitted on all senders; its score is that on each sender, fitted on the others."""
    names, weights = np.asarray(senders), sender_weights(senders)
    scores = np.zeros(len(answers))
    for name in np.unique(names):
        held_out = names == name
        scaling = fit_temperature(answers.select(~held_out), weights[~held_out])
        part = answers.select(held_out)
        scores[held_out] = brier_scores(scaling(part.logits), part.acceptable)
    method, score = Method("temperature", curved=False), float(np.average(scores, weights=weights))
    return ChosenScaling(method, fit_temperature(answers, weights), {method: score})


def fit_temperature(answers: Answers, weights: Float64) -> LogitScaling:
    """Minimise the squared distance of the most probable label's probability from being right (1) or not (0).

    It is lowest where that probability is the share of right answers, as the likelihood is, but one picture
    can add no more than 1 to it.
    """
    rows, best = np.arange(len(answers)), answers.logits.argmax(axis=1)
    right = answers.acceptable[rows, best]

    def squared_error(log_scale: float) -> float:
        stated = _one_scale(math.exp(log_scale))(answers.logits)[rows, best]
        return float(np.average((stated - right) ** 2, weights=weights))

    reach = math.log(_WIDEST_SCALE)
    return _one_scale(math.exp(minimize_scalar(squared_error, bounds=(-reach, reach), method="bounded").x))


def weighted_thresholds(
    probabilities: Float64, acceptable: NDArray[np.bool_], weights: Float64, coverage: float
) -> SetThresholds:
    """One threshold for all labels, as `marginal_thresholds`, from photographs that count unequally.

    The photograph to come counts as one alone by its sender, on the side of those not covered; with equal
    weights this is split conformal prediction.
    """
    right = np.where(acceptable, probabilities, 0.0).max(axis=1)
    ascending = np.argsort(right)
    below = np.cumsum(weights[ascending]) / (weights.sum() + 1)
    rank = int(np.searchsorted(below, 1 - coverage + 1e-9, side="right"))
    threshold = float(right[ascending[rank - 1]]) if rank else 0.0
    return SetThresholds(np.full(NUM_LABELS, threshold), "marginal")


def fit_photograph_novelty(trained: Answers, calibration: Answers, weights: Float64) -> NoveltyFit:
    """As `novelty.fit_novelty`, with less of the distance and quantiles over senders."""
    fit = fit_novelty(trained, calibration)
    fit = replace(fit, distance_weight=DISTANCE_SHARE * fit.distance_weight)
    levels = (np.arange(len(fit.quantiles)) + 0.5) / len(fit.quantiles)
    scores = fit.score()(calibration.outputs)
    return replace(fit, quantiles=np.quantile(scores, levels, weights=weights, method="inverted_cdf"))


def _one_scale(scale: float) -> LogitScaling:
    return LogitScaling(np.full(NUM_LABELS, scale), np.zeros(NUM_LABELS))
