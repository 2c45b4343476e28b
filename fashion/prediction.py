"""From what a classifier computes to predictions: calibrated, with a prediction set and a novelty.

The answers of a few pictures come one at a time, in plain floats: on ten numbers numpy's calls take several
times as long as the arithmetic. Those of many come from the formulas on arrays that fitting uses; tests hold
the two against each other (docs/decisions/0108).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from itertools import compress, repeat
from operator import ge
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.inputs import InputKind
from fashion.labels import NUM_LABELS
from fashion.manifest import Calibration
from fashion.novelty import NoveltyScore, Outputs

Float64 = NDArray[np.float64]
Curve = tuple[float, float, float]
_INDICES: Final = range(NUM_LABELS)
_FEW: Final = 6  # rows; of more, arrays take less time than floats
_LEAST: Final = 1e-9  # keeps logarithms finite where a probability is 0 or 1


class Prediction(NamedTuple):
    """What the classifier says of one picture."""

    class_index: int
    by_label: tuple[float, ...]  # the probability of each label in dataset order; they sum to 1
    prediction_set: tuple[int, ...]  # class indices, most probable first, never empty
    coverage: float | None
    novelty: float | None  # 0 to 1
    in_distribution: bool | None
    prepared_as: InputKind
    left_early: bool | None = None  # whether half of the network was enough; None where it has no early exit

    @property
    def probability(self) -> float:
        """The probability of the predicted label."""
        return self.by_label[self.class_index]

    @property
    def probabilities(self) -> Float64:
        """The probabilities as an array (labels,), made anew each time."""
        return np.array(self.by_label)


class Answers:
    """One kind's calibration, ready to use."""

    def __init__(self, fit: Calibration | None, artifact: Artifact) -> None:
        """Without a fit: the plain softmax, the one label as the set, no coverage and no novelty."""
        self._scale = fit.logit_scale if fit else (1.0,) * NUM_LABELS
        self._bias = fit.logit_bias if fit else (0.0,) * NUM_LABELS
        self._curve = fit.confidence_curve if fit else None
        self._thresholds = fit.set_thresholds if fit else None
        self._coverage = fit.coverage if fit else None
        self._novelty = NoveltyScore.from_artifact(fit, artifact) if fit else None
        self._quantiles = fit.novelty_quantiles if fit else ()
        # The same as arrays, which numpy would make of them at each call.
        self._scales, self._biases = np.array(self._scale), np.array(self._bias)
        self._least, self._ranks = np.array(self._thresholds or ()), np.array(self._quantiles)
        self._novelty_threshold = fit.novelty_threshold if fit else 1.0

    def answer(self, outputs: Outputs, kind: InputKind) -> list[Prediction]:
        """A prediction for each row of `outputs`."""
        if len(outputs.logits) > _FEW:
            return self._of_many(outputs, kind)
        rows: list[list[float]] = outputs.logits.tolist()
        scores = repeat(None) if self._novelty is None else self._novelty.of_each(outputs)
        early = _listed(outputs.left_early)
        return [self._prediction(*of_one, kind) for of_one in zip(rows, scores, early)]  # noqa: B905 -- endless

    def _of_many(self, outputs: Outputs, kind: InputKind) -> list[Prediction]:
        """The same by arrays."""
        plain = softmax(outputs.logits * self._scales + self._biases)
        best = plain.argmax(axis=1)
        by_label = plain if self._curve is None else with_confidence(plain, self._curve)
        count = len(plain)
        novelty: list[float | None] = [None] * count
        usual: list[bool | None] = [None] * count
        if self._novelty is not None:
            ranks = np.searchsorted(self._ranks, self._novelty(outputs)) / len(self._ranks)
            novelty, usual = ranks.tolist(), (ranks <= self._novelty_threshold).tolist()
        labels, sets = best.tolist(), self._sets(plain, best)
        coverage, early = repeat(self._coverage), _listed(outputs.left_early)
        probabilities = map(tuple, by_label.tolist())
        rows = zip(labels, probabilities, sets, coverage, novelty, usual, repeat(kind), early)
        return list(map(Prediction._make, rows))

    def _prediction(
        self, logits: list[float], score: float | None, left_early: bool | None, kind: InputKind
    ) -> Prediction:
        scaled = zip(logits, self._scale, self._bias, strict=True)
        by_label = row_softmax([logit * scale + bias for logit, scale, bias in scaled])
        best = by_label.index(max(by_label))
        labels = self._set(by_label, best)
        if self._curve is not None:
            by_label = row_with_confidence(by_label, best, self._curve)
        novelty = usual = None
        if score is not None:  # its rank: the share of calibration pictures that look less unusual
            novelty = bisect_left(self._quantiles, score) / len(self._quantiles)
            usual = novelty <= self._novelty_threshold
        return Prediction(best, tuple(by_label), labels, self._coverage, novelty, usual, kind, left_early)

    def _set(self, by_label: list[float], best: int) -> tuple[int, ...]:
        if self._thresholds is None:
            return (best,)
        found = list(compress(_INDICES, map(ge, by_label, self._thresholds)))
        if len(found) > 1:
            found.sort(key=by_label.__getitem__, reverse=True)  # which leaves equals in dataset order
        return tuple(found) or (best,)

    def _sets(self, probabilities: Float64, best: NDArray[np.intp]) -> list[tuple[int, ...]]:
        """The prediction sets of probabilities (batch, labels), most of which hold one label."""
        if self._thresholds is None:
            return [(label,) for label in best.tolist()]
        within = probabilities >= self._least
        only = np.where(within.any(axis=1), within.argmax(axis=1), best)
        sets: list[tuple[int, ...]] = [(label,) for label in only.tolist()]
        for row in np.flatnonzero(within.sum(axis=1) > 1).tolist():
            sets[row] = self._set(probabilities[row].tolist(), int(best[row]))
        return sets


def _listed(flags: NDArray[np.bool_] | None) -> Iterable[bool | None]:
    """One for each row; None for each where there are none."""
    return repeat(None) if flags is None else flags.tolist()


def softmax(logits: NDArray[Any]) -> Float64:
    """Probabilities (batch, labels) of logits (batch, labels), in double precision."""
    shifted = np.exp(np.subtract(logits, logits.max(axis=1, keepdims=True), dtype=np.float64))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def row_softmax(logits: list[float]) -> list[float]:
    """`softmax` of one row."""
    top = max(logits)
    shifted = [math.exp(logit - top) for logit in logits]
    total = sum(shifted)
    return [value / total for value in shifted]


def with_confidence(probabilities: Float64, curve: Curve) -> Float64:
    """Move each row's highest probability along a curve; the others share what is left as they did before.

    With the curve (a, b, c), logit(new) = a log(old) - b log(1 - old) + c: beta calibration (Kull et al.
    2017, PMLR 54:623). The most probable label stays the most probable one.
    """
    a, b, c = curve
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    top = np.clip(probabilities[rows, best], _LEAST, 1 - _LEAST)
    others = probabilities.copy()
    others[rows, best] = 0
    second, left = others.max(axis=1), np.maximum(others.sum(axis=1), _LEAST)
    moved = 1 / (1 + np.exp(-(a * np.log(top) - b * np.log1p(-top) + c)))
    moved = np.maximum(moved, second / (left + second) + _LEAST)
    others *= ((1 - moved) / left)[:, None]
    others[rows, best] = moved
    return np.asarray(others / others.sum(axis=1, keepdims=True))


def row_with_confidence(probabilities: list[float], best: int, curve: Curve) -> list[float]:
    """`with_confidence` of one row, whose highest probability is at `best`."""
    a, b, c = curve
    top = min(max(probabilities[best], _LEAST), 1 - _LEAST)
    others = probabilities.copy()
    others[best] = 0.0
    second, left = max(others), max(sum(others), _LEAST)
    moved = _sigmoid(a * math.log(top) - b * math.log1p(-top) + c)
    moved = max(moved, second / (left + second) + _LEAST)
    share = (1 - moved) / left
    others = [other * share for other in others]
    others[best] = moved
    total = sum(others)
    return [value / total for value in others]


def _sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), written so that nothing overflows."""
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    raised = math.exp(value)
    return raised / (1 + raised)
