"""A model's first steps, taken before a request needs them: the engine prepares itself when it first runs,
and allocates what the most pictures need.

Larger requests go through the networks in passes of sizes that are warm too (`passes` in batching.py).
"""

from typing import Final

import numpy as np

from fashion.autoencoder import Autoencoder
from fashion.classifier import MOST_VIEWS, Classifier
from fashion.inputs import SIDE
from fashion.models import Model
from fashion.preparation import Prepared
from service.settings import Settings

_BLANK: Final = np.zeros((SIDE, SIDE), np.uint8)


def warm_up(model: Model, settings: Settings) -> None:
    """Run `model` on every batch size that is answered in the event loop, or in a pass."""
    if isinstance(model, Classifier):
        _warm_classifier(model, settings.batch_pictures)
    else:
        _warm_autoencoder(model, settings.small_request_pictures)


def _warm_classifier(classifier: Classifier, max_pictures: int) -> None:
    kinds = [(Prepared(_BLANK, "network_input"), max_pictures)]
    if side := classifier.view_side:
        view = Prepared(_BLANK, "photograph", np.zeros((side, side, 3), np.uint8))
        kinds.append((view, min(max_pictures, MOST_VIEWS)))
    for picture, most in kinds:
        for size in range(1, most + 1):
            classifier.explain([picture] * size)  # which takes all of a network, early exit or not
        classifier.classify([picture])  # the same graphs, asked for less


def _warm_autoencoder(autoencoder: Autoencoder, max_pictures: int) -> None:
    for size in range(1, max_pictures + 1):
        autoencoder.encode(np.stack([_BLANK] * size))
    autoencoder.reconstruct(np.stack([_BLANK]))  # latents are decoded one by one
