"""The answer that is written without the schema's objects is what they would write, byte by byte."""

import json

import numpy as np
import pytest

from fashion.classifier import Prediction
from fashion.labels import LABELS
from fashion.prediction import row_softmax
from service.answers import classify_answer
from service.schemas import ClassifyAnswer, Explanation

MODEL = "fashion-classifier:20260101-00000000"
WHY = Explanation(network_input="aGk=", class_activation_map="aGk=", overlay="aGk=")


def predictions() -> list[Prediction]:
    """Of every shape that one may have, with probabilities from 1e-300 to 1."""
    random = np.random.default_rng(4)
    made = []
    for spread in (0.1, 3.0, 30.0, 300.0):
        by_label = row_softmax(random.normal(scale=spread, size=len(LABELS)).tolist())
        best = by_label.index(max(by_label))
        made += [
            Prediction(best, tuple(by_label), (best, 0), 0.99, 0.125, True, "network_input"),
            Prediction(best, tuple(by_label), (best,), 0.95, 1.0, False, "photograph"),
            Prediction(best, tuple(by_label), (best,), None, None, None, "photograph"),
        ]
    return made


@pytest.mark.parametrize("why", [None, WHY], ids=["unexplained", "explained"])
def test_an_answer_holds_every_field_as_the_schema_has_it(why: Explanation | None) -> None:
    made = predictions()
    written = classify_answer(MODEL, made, [why] * len(made))
    answer = ClassifyAnswer.model_validate_json(written, strict=True)
    assert answer.model_dump() == json.loads(written)
    assert answer.model_dump_json().encode() == written
    assert answer.model == MODEL
    for row, prediction in zip(answer.predictions, made, strict=True):
        assert row.label == LABELS[prediction.class_index]
        assert row.class_index == prediction.class_index
        assert row.probability == prediction.probability
        assert list(row.probabilities.items()) == list(zip(LABELS, prediction.by_label, strict=True))
        assert row.prediction_set == [LABELS[index] for index in prediction.prediction_set]
        assert (row.coverage, row.novelty) == (prediction.coverage, prediction.novelty)
        assert (row.in_distribution, row.prepared_as) == (prediction.in_distribution, prediction.prepared_as)
        assert row.explanation == why
