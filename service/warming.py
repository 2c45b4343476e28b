"""A model's first steps, taken before a request needs them: the engine prepares itself when it first runs,
and allocates what the most pictures need.

One picture and the largest pass are enough: a size in between then takes no longer the first time than the
second (docs/decisions/0110). Larger requests go through the networks in passes (`passes` in batching.py).
"""

from typing import Final

import numpy as np

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.models import Model
from fashion.preparation import SIDE, Prepared
from service.settings import Settings

_BLANK: Final = np.zeros((SIDE, SIDE), np.uint8)


def warm_up(model: Model, settings: Settings) -> None:
    """Run `model` on the smallest and the largest batch that is answered in the event loop, or in a pass."""
    if isinstance(model, Classifier):
        _warm_classifier(model, settings.batch_pictures)
    else:
        _warm_autoencoder(model, settings.small_request_pictures, settings.small_generate_count)


def _warm_classifier(classifier: Classifier, max_pictures: int) -> None:
    kinds = [Prepared(_BLANK, "network_input")]
    if side := classifier.view_side:
        kinds.append(Prepared(_BLANK, "photograph", np.zeros((side, side, 3), np.uint8)))
    for picture in kinds:
        for size in (1, max_pictures):
            classifier.classify([picture] * size)
        classifier.explain([picture])


def _warm_autoencoder(autoencoder: Autoencoder, max_pictures: int, max_samples: int) -> None:
    for size in (1, max_pictures):
        autoencoder.reconstruct(np.stack([_BLANK] * size))
    for size in (1, max_samples):
        autoencoder.decode(np.zeros((size, autoencoder.latent_size), np.float32))
