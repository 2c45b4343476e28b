"""The sheets that tell at a glance what a VAE draws and keeps: those of docs/generation.md."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from fashion.autoencoder import Autoencoder
from training.dataset import Dataset
from training.drawing import knows_labels
from training.figures.pictures import reconstructions, samples_by_label
from training.neighbours import neighbours_figure

_SAMPLES_OF_A_LABEL = 20


def vae_sheets(autoencoder: Autoencoder, training: Dataset, shown: Dataset) -> Iterator[tuple[str, Figure]]:
    """Figures by file name: reconstructions of `shown`, and, where the prior knows labels, samples by label
    and the training pictures nearest to some of them."""
    yield "vae-reconstructions", reconstructions(autoencoder, shown)
    if knows_labels(autoencoder):
        yield "vae-samples", samples_by_label(autoencoder, _SAMPLES_OF_A_LABEL)
        yield "vae-neighbours", neighbours_figure(autoencoder, training)
