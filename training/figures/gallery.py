"""Which figures there are of a model, and the folder that they are written to.

The pictures shown are handed in, and nothing is chosen from what is drawn.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier, Prediction
from fashion.decoding import Picture
from fashion.errors import DamagedArtifact
from fashion.labels import LABELS
from fashion.preparation import Prepared, prepare
from training.answers import as_network_inputs, batched_pictures
from training.dataset import Dataset
from training.figures import classification, curves, inside, latents, pictures
from training.figures.layers import network_layers
from training.figures.style import save, style

Named = tuple[str, Figure]

_LABELS_PREPARED: Final = (0, 5, 8)  # a top, a shoe and a bag


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about the figures."""

    grid: int = latents.GRID
    """Points along each side of the manifold."""
    start: float = latents.RANGE[0]
    """Where the manifold starts along each axis of its plane."""
    end: float = latents.RANGE[1]


def write_figures(
    artifact: Artifact,
    dataset: Dataset,
    what: str,
    folder: Path,
    *,
    history: Path | None = None,
    options: Options | None = None,
) -> list[Path]:
    """Draw everything that applies to the artifact, on the pictures of `dataset`, which `what` names.

    `history` is the file with the epochs of the run that made it. Returns the paths written, PNG and SVG.
    """
    written: list[Path] = []
    with style():
        for name, figure in _figures(artifact, dataset, what, history, options or Options()):
            written += save(figure, folder, name)
    return written


def _figures(
    artifact: Artifact, dataset: Dataset, what: str, history: Path | None, options: Options
) -> Iterator[Named]:
    yield "dataset-samples", pictures.dataset_samples(dataset)
    yield "what-the-network-sees", pictures.what_the_network_sees(_as_a_shop_shows_them(dataset))
    yield "model-structure", inside.model_structure(artifact)
    if history is not None and history.is_file():
        yield "loss-curves", curves.loss_curves(_epochs(history), artifact.manifest.recipe.name)
    if artifact.manifest.kind == "classifier":
        yield from classifier_figures(Classifier(artifact), dataset, what)
    else:
        yield from autoencoder_figures(Autoencoder(artifact), dataset, what, options)


def classifier_figures(classifier: Classifier, dataset: Dataset, what: str) -> Iterator[Named]:
    """Every figure of a classifier's answers and of its insides."""
    predictions = predictions_for(classifier, as_network_inputs(dataset.images))
    predicted = np.array([made.class_index for made in predictions])
    confidences = np.array([made.probability for made in predictions])
    yield "confusion-matrix", classification.confusion_matrix(dataset.labels, predicted, what)
    yield "accuracy-by-label", classification.accuracy_by_label(dataset.labels, predicted, what)
    right = predicted == dataset.labels
    yield "reliability", classification.reliability_diagram(confidences, right, what)
    yield "predictions", classification.prediction_grid(dataset, predictions)
    shown = _one_of_each_label(dataset)
    explained = classifier.explain(as_network_inputs(shown.images))
    maps = [(made, heat) for made, heat in explained if heat is not None]
    if len(maps) == len(shown):
        yield "class-activation-maps", inside.class_activation_maps(shown.images, maps, shown.labels.tolist())
    yield from activation_figures(classifier.artifact, shown, LABELS.index("Bag"))


def activation_figures(artifact: Artifact, shown: Dataset, index: int) -> Iterator[Named]:
    """Activations of every layer for the picture at `index`."""
    label = LABELS[shown.labels[index]]
    layers = network_layers(artifact, "classifier", shown.images[index : index + 1])
    name = f"for a picture of {label}"
    for number, figure in inside.layer_activations(layers, name):
        yield f"activations-{number}", figure
    if strips := inside.pooled_and_dense(layers, name):
        yield "activations-pooled-and-dense", strips


def autoencoder_figures(
    autoencoder: Autoencoder, dataset: Dataset, what: str, options: Options
) -> Iterator[Named]:
    """Every figure of a latent space."""
    means = np.concatenate(
        [
            autoencoder.encode(dataset.images[start : start + 500]).mean
            for start in range(0, len(dataset), 500)
        ]
    )
    plane = latents.plane_through(means)
    grid = {"start": options.start, "end": options.end}
    yield "latent-manifold", latents.manifold(autoencoder, plane, **grid, grid=options.grid)
    yield "latent-scatter", latents.scatter(plane, means, dataset.labels, what)
    yield "decoded-grid", latents.decoded_grid(autoencoder, plane, means)
    yield "reconstructions", pictures.reconstructions(autoencoder, dataset)
    yield "interpolations", pictures.interpolations(autoencoder, dataset)
    prior = autoencoder.artifact.manifest.prior.kind
    if prior != "none":
        yield "samples", pictures.samples(autoencoder)
    if prior == "gaussian_mixture":
        yield "samples-by-label", pictures.samples_by_label(autoencoder)


def predictions_for(classifier: Classifier, prepared: list[Prepared]) -> list[Prediction]:
    """Answers to many pictures, in batches."""
    return [made for batch in batched_pictures(prepared) for made in classifier.classify(batch)]


def _one_of_each_label(dataset: Dataset) -> Dataset:
    first = [int(np.flatnonzero(dataset.labels == label)[0]) for label in range(len(LABELS))]
    return dataset.select(np.array(first))


def _as_a_shop_shows_them(dataset: Dataset) -> list[tuple[str, Picture, Prepared]]:
    """A few pictures enlarged and dark on white, as photographs are, and how they are prepared."""
    rows = [int(np.flatnonzero(dataset.labels == label)[0]) for label in _LABELS_PREPARED]
    shown = []
    for label, row in zip(_LABELS_PREPARED, rows, strict=True):
        enlarged = Image.fromarray(255 - dataset.images[row]).resize((280, 280), Image.Resampling.BICUBIC)
        picture = Picture(np.asarray(enlarged.convert("RGB")), enlarged.size)
        shown.append((f"{LABELS[label]}, inverted", picture, prepare(picture)))
    return shown


def _epochs(history: Path) -> list[curves.EpochRow]:
    try:
        epochs: list[curves.EpochRow] = json.loads(history.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedArtifact(f"{history} is damaged: {error}") from error
    return epochs
