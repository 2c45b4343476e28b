"""What every peer does with one picture: the project's own decoding, preparation, model and answer."""

import os
from pathlib import Path
from typing import Any, Final

from fashion.artifact import open_artifact
from fashion.classifier import Classifier, Prediction
from fashion.decoding import decode
from fashion.labels import LABELS
from fashion.preparation import WORKING_SIDE, prepare

ARTIFACT_VARIABLE: Final = "FASHION_BENCHMARK_ARTIFACT"


def load_classifier() -> Classifier:
    """The classifier that the benchmark measures, from the folder that the environment names."""
    return Classifier(open_artifact(Path(os.environ[ARTIFACT_VARIABLE])))


def classify(classifier: Classifier, body: bytes) -> dict[str, Any]:
    """The answer to one picture, as plain data in the form of `POST /classify`."""
    picture = prepare(decode(body, target_side=WORKING_SIDE))
    (made,) = classifier.classify([picture])
    return {"model": classifier.artifact.manifest.name, "predictions": [as_json(made)]}


def as_json(made: Prediction) -> dict[str, Any]:
    """One prediction as plain data."""
    return {
        "label": LABELS[made.class_index],
        "class_index": made.class_index,
        "probability": made.probability,
        "probabilities": dict(zip(LABELS, made.probabilities.tolist(), strict=True)),
        "prediction_set": [LABELS[index] for index in made.prediction_set],
        "coverage": made.coverage,
        "novelty": made.novelty,
        "in_distribution": made.in_distribution,
        "prepared_as": made.prepared_as,
        "explanation": None,
    }
