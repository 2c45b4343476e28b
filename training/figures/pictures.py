"""Figures of pictures themselves: the dataset, what the network sees, reconstructions, samples, strips."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.decoding import Picture
from fashion.labels import LABELS
from fashion.preparation import Prepared, grey
from training.dataset import Dataset
from training.figures.style import (
    QUANTITY,
    axes_grid,
    captioned_sheet,
    new_figure,
    scaled,
    sheet,
    shortened,
    show_pixels,
    spread_by_label,
    titled,
)

Float32 = NDArray[np.float32]


def dataset_samples(dataset: Dataset) -> Figure:
    """Three pictures of every label, with a colour bar of their pixel values."""
    figure = new_figure(11, 3.7)
    axes = figure.subplots()
    rows = spread_by_label(dataset.labels, 3).reshape(-1, 3).T.ravel()  # a column for each label
    tiles = np.ma.masked_less(sheet(dataset.images[rows], len(LABELS), gap=3, background=-1), 0)
    image = show_pixels(axes, tiles, colours=QUANTITY, largest=255)
    axes.xaxis.tick_top()
    axes.set_xticks([14 + 31 * label for label in range(len(LABELS))], LABELS, fontsize=9)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="pixel value (0: background)", shrink=0.85)
    return titled(figure, "Fashion-MNIST: three pictures of every label, 28x28 pixels")


def reconstructions(autoencoder: Autoencoder, dataset: Dataset, each: int = 10) -> Figure:
    """A hundred pictures sorted by label: each original with its reconstruction at its right, and titles."""
    rows = spread_by_label(dataset.labels, each)
    made = autoencoder.reconstruct(dataset.images[rows])
    figure = new_figure(13, 9.4)
    pairs = np.concatenate([scaled(dataset.images[rows]), made.images], axis=2)
    captions = [LABELS[label] for label in dataset.labels[rows]]
    captioned_sheet(figure.subplots(), pairs, captions, each)
    error = float(made.mean_squared_error.mean())
    return titled(
        figure,
        f"{len(rows)} pictures sorted by label, each with its reconstruction at its right",
        f"mean squared error {error:.4f}, pixels on [0, 1]",
    )


def interpolations(autoencoder: Autoencoder, dataset: Dataset, steps: int = 11, strips: int = 8) -> Figure:
    """Strips between pictures of different labels: the originals outside, decoded latents between them."""
    pairs = [(label, (label + 3) % len(LABELS)) for label in range(strips)]
    first = [int(np.flatnonzero(dataset.labels == label)[0]) for label in range(len(LABELS))]
    figure = new_figure(11, 0.95 * len(pairs) + 0.8)
    table = axes_grid(figure, len(pairs), 1)[:, 0]
    for axes, (start, end) in zip(table, pairs, strict=True):
        ends = dataset.images[[first[start], first[end]]]
        mean = autoencoder.encode(ends).mean
        shares = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        decoded = autoencoder.decode((1 - shares) * mean[:1] + shares * mean[1:])
        originals = scaled(ends)
        show_pixels(axes, sheet(np.concatenate([originals[:1], decoded, originals[1:]]), steps + 2, gap=2))
        axes.set_ylabel(f"{LABELS[start]}\nto {LABELS[end]}", rotation=0, ha="right", va="center", fontsize=8)
    note = "first and last column: the originals; between them, decoded latents on a straight line"
    return titled(figure, "From one picture to another through the latent space", note)


def samples_by_label(autoencoder: Autoencoder, each: int = 10, seed: int = 0) -> Figure:
    """New pictures from the prior, a row for each label; raises InvalidValue where it knows none."""
    images = [
        autoencoder.generate(each, label=label, seed=seed + label).images for label in range(len(LABELS))
    ]
    figure = new_figure(1.6 + 0.64 * each, 8.4)
    axes = figure.subplots()
    show_pixels(axes, sheet(np.concatenate(images), each))
    axes.set_yticks([14 + 29 * row for row in range(len(LABELS))], LABELS)
    axes.tick_params(length=0)
    return titled(figure, "New pictures by label", "drawn from the model's prior at temperature 1")


def samples(autoencoder: Autoencoder, count: int = 64, seed: int = 0) -> Figure:
    """New pictures from the prior, without asking for labels; raises InvalidValue where there is no prior."""
    figure = new_figure(6, 6.5)
    show_pixels(figure.subplots(), sheet(autoencoder.generate(count, seed=seed).images, 8))
    return titled(figure, f"{count} new pictures", "drawn from the model's prior at temperature 1")


def what_the_network_sees(pictures: Sequence[tuple[str, Picture, Prepared]]) -> Figure:
    """For each named picture: the original, in grey, and the network input that preparation makes of it."""
    figure = new_figure(7.2, 2.3 * len(pictures) + 0.8)
    table = axes_grid(figure, len(pictures), 3)
    for row, (name, picture, prepared) in zip(table, pictures, strict=True):
        show_pixels(row[0], picture.pixels)
        show_pixels(row[1], grey(picture.pixels))
        show_pixels(row[2], prepared.network_input)
        width, height = picture.size
        row[0].set_title(f"original, {width}x{height}", fontsize=9)
        row[1].set_title("grey", fontsize=9)
        row[2].set_title(f"prepared as a {prepared.kind.replace('_', ' ')}, 28x28", fontsize=9)
        row[0].set_ylabel(shortened(name), fontsize=8)
    return titled(figure, "What the network sees")
