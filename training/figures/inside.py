"""Figures of the inside of a network: every layer's activations, evidence maps, and the structure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.classifier import Heat, Prediction
from fashion.engine import Array
from fashion.labels import LABELS, NUM_LABELS
from fashion.sheets import overlay
from training.figures.layers import Layer, layers_of
from training.figures.style import (
    HEAT,
    QUANTITY,
    axes_grid,
    label_ticks,
    new_figure,
    sheet,
    show_pixels,
    titled,
)

_MAPS_SHOWN: Final = 64
_WEIGHTED: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# Steps that are drawn into the box of the layer before them: they have no weights and change no shape.
_ATTACHED: Final = ("Relu", "Sigmoid", "Clip", "Softmax")
_HIDDEN: Final = ("Clip", "Exp")


def class_activation_map(seen: NDArray[np.uint8], prediction: Prediction, heat: Heat) -> Figure:
    """What the network saw, where the evidence for its answer lies, and one laid over the other."""
    figure = new_figure(9, 3.5)
    axes = figure.subplots(1, 3)
    show_pixels(axes[0], seen)
    axes[0].set_title("what the network sees")
    image = show_pixels(axes[1], heat, colours=HEAT)
    axes[1].set_title("class activation map")
    show_pixels(axes[2], overlay(seen, heat))
    axes[2].set_title("laid over it")
    figure.colorbar(image, ax=axes, label="evidence, as a share of its peak", shrink=0.85)
    said = f"{LABELS[prediction.class_index]}, {prediction.probability:.1%}"
    return titled(figure, f"Where the evidence for “{said}” lies")


def class_activation_maps(
    pictures: NDArray[np.uint8], explained: Sequence[tuple[Prediction, Heat]], labels: Sequence[int]
) -> Figure:
    """Pictures (count, 28, 28), their class activation maps and the overlays, a column each."""
    figure = new_figure(12, 4.4)
    table = axes_grid(figure, 3, len(pictures))
    for column, (seen, (prediction, heat), label) in enumerate(zip(pictures, explained, labels, strict=True)):
        show_pixels(table[0, column], seen)
        show_pixels(table[1, column], heat, colours=HEAT)
        show_pixels(table[2, column], overlay(seen, heat))
        table[0, column].set_title(f"is {LABELS[label]}", fontsize=8)
        table[2, column].set_xlabel(
            f"{LABELS[prediction.class_index]}\n{prediction.probability:.0%}", fontsize=8
        )
    for axes, name in zip(table[:, 0], ("network input", "evidence", "overlay"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    figure.colorbar(table[1, 0].images[0], ax=table.ravel().tolist(), label="share of the peak", shrink=0.8)
    return titled(figure, "Class activation maps", "where the evidence for the predicted label lies")


def layer_activations(layers: Sequence[Layer], name: str) -> list[tuple[str, Figure]]:
    """A figure for every layer with feature maps larger than one position: the maps for the first picture."""
    figures = []
    for number, layer in enumerate(_with_activation(layers), start=1):
        if layer.value.ndim == 4 and layer.value.shape[2] > 1:
            figures.append(
                (
                    f"{number:02d}-{layer.name.partition(',')[0].replace(' ', '-')}",
                    _feature_maps(layer, number, name),
                )
            )
    return figures


def pooled_and_dense(layers: Sequence[Layer], name: str) -> Figure | None:
    """The vectors behind the feature maps as strips of one row: pooled features, hidden units and logits."""
    vectors = [layer for layer in _with_activation(layers) if layer.value.ndim == 2 and layer.shape[0] > 1]
    if not vectors:
        return None
    figure = new_figure(10, 1.5 * len(vectors) + 0.9)
    for axes, layer in zip(axes_grid(figure, len(vectors), 1)[:, 0], vectors, strict=True):
        values = layer.value[0]
        image = axes.imshow(values[None, :], aspect="auto", cmap=QUANTITY)
        axes.set_yticks([])
        axes.set_title(f"{layer.name}: {len(values)} numbers", fontsize=10)
        if len(values) == NUM_LABELS:
            label_ticks(axes, LABELS, rotation=20)
        figure.colorbar(image, ax=axes, label="activation")
    return titled(figure, "Pooled features and dense layers", name)


def model_structure(artifact: Artifact) -> Figure:
    """The layers of every graph of the artifact from top to bottom, with shapes and numbers of parameters."""
    graphs = {
        graph: _boxes(layers_of(artifact, graph, _zeros(artifact, graph)))
        for graph in artifact.manifest.graphs
        if "explainer" not in graph
    }
    tallest = max(len(boxes) for boxes in graphs.values())
    figure = new_figure(4.9 * len(graphs), 0.62 * tallest + 1.9)
    for axes, (graph, boxes) in zip(axes_grid(figure, 1, len(graphs))[0], graphs.items(), strict=True):
        shape = artifact.manifest.graphs[graph].inputs[0].shape[1:]
        _draw_structure(axes, graph, "x".join(map(str, shape)), boxes, tallest)
    manifest = artifact.manifest
    return titled(
        figure, f"{manifest.name}: {manifest.num_parameters:,} parameters", f"recipe {manifest.recipe.name}"
    )


def _zeros(artifact: Artifact, graph: str) -> Array:
    tensor = artifact.manifest.graphs[graph].inputs[0]
    return np.zeros((1, *(int(size) for size in tensor.shape[1:])), dtype=tensor.dtype)


def _with_activation(layers: Sequence[Layer]) -> list[Layer]:
    """Layers as people count them: a convolution is shown behind its ReLU, and not twice."""
    shown: list[Layer] = []
    for layer in layers:
        if layer.operator == "Relu" and shown and shown[-1].operator in _WEIGHTED:
            shown[-1] = replace(layer, name=f"{shown[-1].name}, ReLU")
        elif layer.operator not in _HIDDEN:
            shown.append(layer)
    return shown


def _feature_maps(layer: Layer, number: int, name: str) -> Figure:
    maps = layer.value[0][:_MAPS_SHOWN]
    columns = int(np.ceil(np.sqrt(len(maps))))
    figure = new_figure(6.4, 6.8)
    axes = figure.subplots()
    largest = max(float(maps.max()), 1e-9)
    tiles = np.ma.masked_less(sheet(maps, columns, background=-np.inf), -1e30)
    image = axes.imshow(tiles, cmap=QUANTITY, vmin=float(min(maps.min(), 0)), vmax=largest)
    axes.set_axis_off()
    figure.colorbar(image, ax=axes, label="activation", shrink=0.8)
    height, width = layer.shape[1:]
    shown = f"{len(maps)} of {layer.shape[0]}" if len(maps) < layer.shape[0] else f"{len(maps)}"
    return titled(figure, f"Layer {number}, {layer.name}: {shown} maps of {height}x{width}", name)


class _Box:
    """One box of the structure: a layer with what is attached to it."""

    def __init__(self, layer: Layer) -> None:
        self.name, self.shape, self.num_parameters = layer.name, layer.shape, layer.num_parameters
        self.sources: list[int] = []


def _boxes(layers: Sequence[Layer]) -> list[_Box]:
    boxes: list[_Box] = []
    box_of = {-1: -1}
    for position, layer in enumerate(layers):
        source = layer.sources[0] if layer.sources else -1
        if layer.operator in _ATTACHED and box_of[source] == len(boxes) - 1 and boxes:
            boxes[-1].name += f", {layer.name}"
            boxes[-1].shape = layer.shape
        else:
            box = _Box(layer)
            box.sources = sorted({box_of[given] for given in layer.sources})
            boxes.append(box)
        box_of[position] = len(boxes) - 1
    return boxes


def _draw_structure(axes: Axes, graph: str, shape: str, boxes: Sequence[_Box], tallest: int) -> None:
    axes.set_xlim(-0.3, 1.15)
    axes.set_ylim(-tallest - 0.6, 1.0)
    axes.set_axis_off()
    axes.text(0.5, 0.55, f"{graph}: {shape} in", ha="center", va="center", fontsize=10, fontweight="bold")
    for row, box in enumerate(boxes):
        middle = -row - 0.5
        colour = "#cfe4f6" if box.num_parameters else "0.94"
        axes.add_patch(
            FancyBboxPatch(
                (0, middle - 0.32), 1, 0.64, boxstyle="round,pad=0.02", facecolor=colour, edgecolor="0.4"
            )
        )
        parameters = f", {box.num_parameters:,} parameters" if box.num_parameters else ""
        size = "x".join(map(str, box.shape))
        axes.text(0.5, middle + 0.13, box.name, ha="center", va="center", fontsize=8.5)
        axes.text(
            0.5, middle - 0.16, f"to {size}{parameters}", ha="center", va="center", fontsize=7.5, color="0.25"
        )
        _draw_arrows(axes, row, box.sources)


def _draw_arrows(axes: Axes, row: int, sources: Sequence[int]) -> None:
    """From each source to this row: straight from the box above, an arc around what is passed over."""
    for source in sources:
        if source == row - 1:
            arrow = FancyArrowPatch(
                (0.5, -row + 0.2), (0.5, -row - 0.16), arrowstyle="-|>", mutation_scale=9, color="0.4"
            )
        else:
            ends = (0.0, -source - 0.5), (0.0, -row - 0.5)
            curve = "arc3,rad=0.35"
            arrow = FancyArrowPatch(
                *ends, connectionstyle=curve, arrowstyle="-|>", mutation_scale=9, color="0.4"
            )
        axes.add_patch(arrow)
