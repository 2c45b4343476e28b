"""`classify` for files: decoded, prepared and answered as the service does it.

With plots: what the network sees, the probabilities, where the evidence lies, and what every layer computes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from rich.table import Table

from fashion.classifier import Classifier, Heat, Prediction
from fashion.decoding import Picture, decode
from fashion.errors import PictureError
from fashion.inputs import PrepareMode
from fashion.labels import LABELS
from fashion.preparation import WORKING_SIDE, Prepared, prepare
from training.figures.classification import prediction_bars
from training.figures.inside import class_activation_map, layer_activations, pooled_and_dense
from training.figures.layers import network_layers
from training.figures.pictures import what_the_network_sees
from training.figures.style import save, style

_NO_ANSWER: Final = "-"


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """One file with everything that was found out about it."""

    path: Path
    picture: Picture
    prepared: Prepared
    prediction: Prediction
    heat: Heat | None
    """(28, 28) in [0, 1]; None where it was not asked for, or where the network has no such map."""


def classify_files(
    classifier: Classifier, paths: Sequence[Path], mode: PrepareMode, *, explain: bool
) -> list[Classified]:
    """Classify files; raises PictureError naming the first that cannot be used, OSError for none."""
    read = [_read(path, mode, classifier.view_side) for path in paths]
    prepared = [prepared for _, prepared in read]
    made = (
        classifier.explain(prepared) if explain else [(said, None) for said in classifier.classify(prepared)]
    )
    return [
        Classified(path, picture, prepared, prediction, heat)
        for path, (picture, prepared), (prediction, heat) in zip(paths, read, made, strict=True)
    ]


def answer_table(found: Sequence[Classified], model: str) -> Table:
    """A line a picture: its label, the probability, the prediction set, and the novelty."""
    table = Table("picture", "label", "probability", "prediction set", "novelty", "prepared as", title=model)
    for one in found:
        said = one.prediction
        novelty = _NO_ANSWER if said.novelty is None else f"{said.novelty:.3f}"
        table.add_row(
            one.path.name,
            LABELS[said.class_index],
            f"{said.probability:.4f}",
            ", ".join(LABELS[label] for label in said.prediction_set),
            novelty if said.in_distribution is not False else f"{novelty}, unlike the training data",
            said.prepared_as.replace("_", " "),
        )
    return table


def save_plots(classifier: Classifier, found: Sequence[Classified], folder: Path) -> list[Path]:
    """Draw every picture into a folder of its own below `folder`; return the paths written."""
    written: list[Path] = []
    with style():
        for number, one in enumerate(found, start=1):
            place = folder / (one.path.stem if len(found) == 1 else f"{number:02d}-{one.path.stem}")
            for name, figure in _plots(classifier, one):
                written += save(figure, place, name)
    return written


def _plots(classifier: Classifier, one: Classified) -> Iterator[tuple[str, Figure]]:
    seen = one.prepared.network_input if one.prepared.view is None else one.prepared.view
    yield "what-the-network-sees", what_the_network_sees([(one.path.name, one.picture, one.prepared)])
    yield "prediction", prediction_bars(seen, one.prediction, one.path.name)
    if one.heat is not None:
        yield "class-activation-map", class_activation_map(seen, one.prediction, one.heat)
    graphs = classifier.artifact.manifest.graphs
    own = one.prepared.kind == "photograph" and "photograph_classifier" in graphs
    layers = network_layers(classifier.artifact, "photograph_classifier" if own else "classifier", seen[None])
    for name, figure in layer_activations(layers, one.path.name):
        yield f"activations-{name}", figure
    if strips := pooled_and_dense(layers, one.path.name):
        yield "activations-pooled-and-dense", strips


def _read(path: Path, mode: PrepareMode, view_side: int | None) -> tuple[Picture, Prepared]:
    try:
        picture = decode(path.read_bytes(), target_side=max(WORKING_SIDE, view_side or 0))
        return picture, prepare(picture, mode, view_side=view_side)
    except PictureError as error:
        raise type(error)(f"{path}: {error}") from error
