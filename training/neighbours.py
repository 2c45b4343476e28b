"""Whether samples are copies: how far each lies from its nearest training picture, in pixels.

Held-out pictures tell what is far. Samples are smoother than pictures, and smooth pictures lie nearer to
everything: so the reconstructions of held-out pictures, which are as smooth and surely no copies, stand
beside them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.labels import LABELS, NUM_LABELS
from fashion.sheets import to_uint8
from training.bounds import pixels_of
from training.dataset import Dataset
from training.drawing import drawn, drawn_of_label
from training.figures.style import new_figure, scaled, sheet, show_pixels, titled
from training.sample_quality import nearest_squares

NUM_PICTURES: Final = 1_000
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class NearestDistances:
    """Root mean squared difference to the nearest training picture, pixels on [0, 1], (count,) each."""

    samples: NDArray[np.float64]
    held_out: NDArray[np.float64]
    reconstructions: NDArray[np.float64]
    """Of the same held-out pictures."""

    def figures(self) -> dict[str, float]:
        """Medians; a model that copies has a ratio near zero."""
        samples, pictures, smooth = (
            float(np.median(each)) for each in (self.samples, self.held_out, self.reconstructions)
        )
        return {
            "nearest_training_distance": samples,
            "nearest_training_distance_ratio": samples / pictures,
            "nearest_training_distance_ratio_to_reconstructions": samples / smooth,
        }


def nearest_distances(
    autoencoder: Autoencoder, training: Dataset, held_out: Dataset, *, seed: int = 0
) -> NearestDistances:
    """Of NUM_PICTURES samples and held-out pictures, fewer where there are fewer."""
    pictures = held_out.images[:NUM_PICTURES]
    rebuilt = to_uint8(autoencoder.reconstruct(pictures).images)
    learned = _flat(training.images)
    sets = (drawn(autoencoder, len(pictures), seed), pictures, rebuilt)
    samples, real, smooth = (
        np.sqrt(nearest_squares(_flat(images), learned).astype(np.float64) / learned.shape[1])
        for images in sets
    )
    return NearestDistances(samples, real, smooth)


def neighbours_figure(autoencoder: Autoencoder, training: Dataset, *, seed: int = 0) -> Figure:
    """Two samples of every label, each at the left of the training pictures that are nearest to it."""
    samples = np.concatenate(
        [drawn_of_label(autoencoder, label, 2, seed + label).images for label in range(NUM_LABELS)]
    )
    learned = _flat(training.images)
    squares = ((_flat(sample[None]) - learned) ** 2 for sample in samples)
    nearest = [np.argsort(each.sum(axis=1))[:_SHOWN] for each in squares]
    strips = [
        sheet(scaled(np.concatenate([sample[None], training.images[rows]])), _SHOWN + 1)
        for sample, rows in zip(samples, nearest, strict=True)
    ]
    figure = new_figure(9, 8.4)
    for column, axes in enumerate(figure.subplots(1, 2)):
        show_pixels(axes, sheet(np.stack(strips[column::2]), 1, gap=2))
        axes.set_xticks([14 + 29 * index for index in range(_SHOWN + 1)], ["sample", *["nearest"] * _SHOWN])
        axes.tick_params(length=0, labelsize=7)
        if column == 0:
            axes.set_yticks([14 + 30 * row for row in range(NUM_LABELS)], LABELS)
    return titled(
        figure,
        "Samples, each with the five training pictures nearest to it",
        "nearest in squared error",
    )


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(count, 28, 28) to (count, 784) on [0, 1]."""
    return pixels_of(images).reshape(len(images), -1)
