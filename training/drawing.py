"""Pictures drawn from an autoencoder's prior, as a client of `generate` gets them: 8-bit, by seed."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.sheets import to_uint8
from training.dataset import Dataset

# What one request to `generate` may ask for: the same seeds give the same pictures over HTTP.
_BATCH: Final = 1_000


def drawn(autoencoder: Autoencoder, count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Pictures of any label, (count, 28, 28), by the labels' own frequencies."""
    starts = range(0, count, _BATCH)
    parts = [
        autoencoder.generate(min(_BATCH, count - start), seed=seed + index).images
        for index, start in enumerate(starts)
    ]
    return to_uint8(np.concatenate(parts))


def drawn_of_label(autoencoder: Autoencoder, label: int, count: int, seed: int) -> Dataset:
    """Pictures of one label; InvalidValue where the prior knows none."""
    images = to_uint8(autoencoder.generate(count, label=label, seed=seed).images)
    return Dataset(images, np.full(count, label, dtype=np.int64))


def knows_labels(autoencoder: Autoencoder) -> bool:
    """Whether its prior draws by label."""
    return generates(autoencoder) and autoencoder.generate(1).labels is not None


def generates(autoencoder: Autoencoder) -> bool:
    """Whether there is a prior to draw from."""
    return autoencoder.artifact.manifest.prior.kind != "none"
