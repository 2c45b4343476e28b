"""Calibration for photographs, which come by sender: what is fitted must hold for people not seen before.

A few people took many of the calibration photographs, on one floor and in one light. Each sender's
photographs therefore count together as the root of their number where a share is promised: how many sets
hold a right label, how many garments are called novel. docs/photographs.md has the comparison.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.labels import NUM_LABELS
from training.answers import Answers
from training.conformal import SetThresholds
from training.novelty import NoveltyFit, fit_novelty
from training.probabilities import ChosenScaling, Method, fit_method

Float64 = NDArray[np.float64]

_METHODS: Final = tuple(Method("temperature", curved) for curved in (False, True))


def sender_weights(senders: Sequence[int]) -> Float64:
    """What each photograph counts, one alone by its sender counting 1: (count,)."""
    _, sender, numbers = np.unique(np.asarray(senders), return_inverse=True, return_counts=True)
    return np.asarray(numbers[sender.reshape(-1)] ** -0.5, dtype=np.float64)


def choose_scaling_by_sender(answers: Answers, senders: Sequence[int]) -> ChosenScaling:
    """A temperature, with the curve of `probabilities` or without: whichever suits senders not fitted on.

    The score is the squared distance of the most probable label's probability from being right (1) or not
    (0), each sender judged by a fit on the others. Biases would learn what these senders photographed most.
    """
    with threadpool_limits(limits=1):
        scores = {method: _held_out_score(answers, senders, method) for method in _METHODS}
        best = min(_METHODS, key=lambda method: scores[method])
        return ChosenScaling(best, fit_method(answers, best), scores)


def _held_out_score(answers: Answers, senders: Sequence[int], method: Method) -> float:
    names, errors = np.asarray(senders), np.zeros(len(answers))
    for name in np.unique(names):
        held_out = answers.select(names == name)
        probabilities = fit_method(answers.select(names != name), method)(held_out.logits)
        rows, best = np.arange(len(held_out)), probabilities.argmax(axis=1)
        errors[names == name] = (probabilities[rows, best] - held_out.acceptable[rows, best]) ** 2
    return float(np.average(errors, weights=sender_weights(senders)))


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
    """As `novelty.fit_novelty`, with quantiles over senders."""
    fit = fit_novelty(trained, calibration)
    levels = (np.arange(len(fit.quantiles)) + 0.5) / len(fit.quantiles)
    scores = fit.score()(calibration.outputs)
    return replace(fit, quantiles=np.quantile(scores, levels, weights=weights, method="inverted_cdf"))
