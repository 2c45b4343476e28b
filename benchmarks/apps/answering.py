"""What every peer does with a request: the project's own decoding, preparation, models and answers."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fashion.artifact import Artifact, open_artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier, Prediction
from fashion.decoding import Picture, decode
from fashion.labels import LABELS
from fashion.preparation import WORKING_SIDE, Prepared, prepare
from fashion.sheets import png_bytes, to_uint8

CLASSIFIER_VARIABLE: Final = "FASHION_BENCHMARK_CLASSIFIER"
AUTOENCODER_VARIABLE: Final = "FASHION_BENCHMARK_AUTOENCODER"


@dataclass(frozen=True)
class Models:
    """The released models, as every peer holds them."""

    classifier: Classifier
    autoencoder: Autoencoder


def load_models() -> Models:
    """The models in the folders that the environment names."""
    return Models(Classifier(released(CLASSIFIER_VARIABLE)), Autoencoder(released(AUTOENCODER_VARIABLE)))


def released(variable: str) -> Artifact:
    """The artifact in the folder that an environment variable names."""
    return open_artifact(Path(os.environ[variable]))


def prepared(classifier: Classifier, body: bytes) -> Prepared:
    """One encoded picture, decoded at the scale that is needed, as the networks take it."""
    return prepared_picture(classifier, decode(body, target_side=target_side(classifier)))


def prepared_picture(classifier: Classifier, picture: Picture) -> Prepared:
    """One decoded picture as the networks take it."""
    return prepare(picture, view_side=classifier.view_side)


def target_side(classifier: Classifier) -> int:
    """How large a picture need be decoded, in pixels of its longer side."""
    return max(WORKING_SIDE, classifier.view_side or 0)


def classify(classifier: Classifier, bodies: Sequence[bytes]) -> dict[str, Any]:
    """The answer of `POST /classify` to encoded pictures, as plain data."""
    return classified(classifier, [prepared(classifier, body) for body in bodies])


def classified(classifier: Classifier, pictures: Sequence[Prepared]) -> dict[str, Any]:
    """The answer of `POST /classify` to prepared pictures, as plain data."""
    return {
        "model": classifier.artifact.manifest.name,
        "predictions": [as_json(made) for made in classifier.classify(pictures)],
    }


def generate(autoencoder: Autoencoder, count: int, seed: int) -> dict[str, Any]:
    """The answer of `POST /generate`, as plain data."""
    made = autoencoder.generate(count, seed=seed)
    labels = [None] * count if made.labels is None else [LABELS[index] for index in made.labels]
    images = [base64.b64encode(png_bytes(image)).decode() for image in to_uint8(made.images)]
    samples = [
        {"image": image, "latent": latent, "label": label}
        for image, latent, label in zip(images, made.latents.tolist(), labels, strict=True)
    ]
    return {"model": autoencoder.artifact.manifest.name, "seed": seed, "samples": samples}


def answer_json(models: Models, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a parsed JSON body: base64 `images` to classify, or what to generate."""
    if "images" in request:
        return classify(models.classifier, [base64.b64decode(image) for image in request["images"]])
    return generate(models.autoencoder, request["count"], request["seed"])


def as_json(made: Prediction) -> dict[str, Any]:
    """One prediction as plain data; the service's own function would make a peer load the service."""
    return {
        "label": LABELS[made.class_index],
        "class_index": made.class_index,
        "probability": made.probability,
        "probabilities": dict(zip(LABELS, made.by_label, strict=True)),
        "prediction_set": [LABELS[index] for index in made.prediction_set],
        "coverage": made.coverage,
        "novelty": made.novelty,
        "in_distribution": made.in_distribution,
        "prepared_as": made.prepared_as,
        "explanation": None,
    }


# As long as a real answer, for the endpoints that compute nothing.
CONSTANT_ANSWER: Final = json.dumps(
    {
        "model": "fashion-classifier:20260101-00000000",
        "predictions": [
            {
                "label": LABELS[0],
                "class_index": 0,
                "probability": 0.9123456789012345,
                "probabilities": dict.fromkeys(LABELS, 0.0123456789012345),
                "prediction_set": [LABELS[0], LABELS[1]],
                "coverage": 0.99,
                "novelty": 0.123,
                "in_distribution": True,
                "prepared_as": "network_input",
                "explanation": None,
            }
        ],
    }
).encode()
