"""Which label a latent shows: what a critic sees in its decoded picture, and how surely.

What encoding loses of a picture may be what made it a coat. Its latent then decodes to something between coat
and pullover, and is no answer to who asks for a coat.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.labels import NUM_LABELS
from fashion.sheets import to_uint8
from training.answers import answers_to_dataset
from training.dataset import Dataset

SURE: Final = 0.8
"""The probability from which on a latent is telling. Of the critic's own, which label smoothing keeps below
0.91 (docs/vae.md)."""
# A label that is hardly shown at all still gets this share of its pictures' number: its surest latents.
_LEAST_TELLING: Final = 0.1
# Bounds the memory of decoded pictures.
_DECODED_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class ShownLabels:
    """Latents, told apart by what they show; rows of the latents that were looked at."""

    telling: tuple[NDArray[np.int64], ...]
    """For each label the rows that show it surely. A row serves two labels only where one of them is hardly
    shown at all."""
    doubtful: tuple[NDArray[np.int64], ...]
    """For each label the rows that show it more than any other, and are telling for none."""


def shown_probabilities(
    autoencoder: Autoencoder, latents: NDArray[np.float32], critic: Classifier
) -> NDArray[np.float64]:
    """How surely a classifier sees each label in what each latent decodes to.

    (count, latent) to (count, 10); of the network itself, before calibration, which knows real pictures only.
    """
    logits = []
    for start in range(0, len(latents), _DECODED_AT_ONCE):
        images = to_uint8(autoencoder.decode(latents[start : start + _DECODED_AT_ONCE]))
        unknown = np.zeros(len(images), dtype=np.int64)
        logits.append(answers_to_dataset(critic, Dataset(images, unknown)).logits)
    return np.asarray(softmax(np.concatenate(logits).astype(np.float64), axis=1))


def told_apart(
    probabilities: NDArray[np.float64], label_counts: NDArray[np.int64], *, fewest: int = 0
) -> ShownLabels:
    """Sort rows of `probabilities` (count, 10) by label; `label_counts` are the numbers of pictures.

    No label gets fewer than `fewest` telling rows.
    """
    least = np.maximum(np.ceil(_LEAST_TELLING * label_counts).astype(np.int64), fewest)
    counts = np.maximum((probabilities >= SURE).sum(axis=0), least)
    surest = np.argsort(-probabilities, axis=0, kind="stable")
    telling = tuple(np.sort(surest[:count, label]) for label, count in enumerate(counts))
    doubtful = np.setdiff1d(np.arange(len(probabilities)), np.concatenate(telling))
    shown = probabilities[doubtful].argmax(axis=1)
    return ShownLabels(telling, tuple(doubtful[shown == label] for label in range(NUM_LABELS)))
