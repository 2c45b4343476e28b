"""What the fits for photographs are worth to people that they were not fitted on.

Senders who were held out from training are few, and a classifier's probabilities, sets and novelty are
fitted on all of them. So each is answered here as by an artifact that was fitted on the others: the senders
fall into parts, and every part meets a fit on the rest (cross-fitting).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.classifier import Classifier, Prediction
from fashion.prediction import Answers as CalibratedAnswers
from training.answers import Answers
from training.calibrate import fit_answers_to_photographs

PARTS: Final = 5


def cross_fitted(
    classifier: Classifier, trained: Answers, held_out: Answers, senders: Sequence[int]
) -> list[Prediction]:
    """A prediction for each held-out photograph, by the serving code and a fit on other senders.

    `trained` are the classifier's outputs on photographs that it learned from, `senders` those of `held_out`.
    """
    part = sender_parts(senders)
    predictions: dict[int, Prediction] = {}
    for number in np.unique(part):
        own, others = np.flatnonzero(part == number), np.flatnonzero(part != number)
        fit = fit_answers_to_photographs(
            trained, held_out.select(others), [senders[row] for row in others.tolist()]
        )
        answers = CalibratedAnswers(fit.as_manifest(), classifier.artifact)
        made = answers.answer(held_out.select(own).outputs, "photograph")
        predictions |= dict(zip(own.tolist(), made, strict=True))
    return [predictions[row] for row in range(len(held_out))]


def sender_parts(senders: Sequence[int]) -> NDArray[np.int64]:
    """The part of each photograph, (count,): every sender whole in one, the parts about equally large."""
    sizes = [0] * PARTS
    part_of: dict[int, int] = {}
    for sender, count in sorted(Counter(senders).items(), key=lambda item: (-item[1], item[0])):
        part_of[sender] = sizes.index(min(sizes))
        sizes[part_of[sender]] += count
    return np.array([part_of[sender] for sender in senders])
