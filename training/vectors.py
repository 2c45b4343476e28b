"""What a model makes of pictures as vectors: a classifier's features, an autoencoder's latents."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier, Prediction
from training.answers import answers_to_dataset
from training.dataset import Dataset

_BATCH = 500


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """One vector a picture, and what the model says of the pictures if it is a classifier."""

    name: str
    """`embedding` or `latent`."""
    values: NDArray[np.float32]
    """(count, size)."""
    predictions: list[Prediction] | None = None


def vectors_of(artifact: Artifact, dataset: Dataset) -> Vectors:
    """Embed the pictures with the artifact's network."""
    if artifact.manifest.kind == "autoencoder":
        return Vectors("latent", latents_of(Autoencoder(artifact), dataset.images))
    classifier = Classifier(artifact)
    answers = answers_to_dataset(classifier, dataset)
    predictions = classifier.predictions(answers.outputs, "network_input")
    return Vectors("embedding", answers.features, predictions)


def latents_of(autoencoder: Autoencoder, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Posterior means of images (count, 28, 28): (count, latent)."""
    parts = range(0, len(images), _BATCH)
    return np.concatenate([autoencoder.encode(images[start : start + _BATCH]).mean for start in parts])
