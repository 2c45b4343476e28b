"""Whether an artifact's classifiers are served in eight-bit integers: measured, then decided.

A network is released quantised where that costs at most `MAX_COST_POINTS` on pictures that neither training
nor the choice of ranges saw: the dataset's calibration part (a recipe may have trained on validation's, see
`Optimisation.refit`), and photographs of validation's senders. Calibration comes afterwards, so that
probabilities, prediction sets and novelty are fitted on what is served.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rich.console import Console

from fashion.artifact import Artifact
from fashion.classifier import Classifier
from fashion.engine import Array, Graph
from fashion.manifest import GraphSpec, Quantisation
from training.answers import acceptable_labels, one_label_each, prepared_photographs
from training.integer_graphs import quantised
from training.photographs import Photograph
from training.rewriting import rewrite_artifact
from training.senders import PhotographSplit
from training.splits import Split

MAX_COST_POINTS: Final = 0.05
"""Accuracy, on pictures that training never saw, that computing in integers may cost."""

_RANGE_PICTURES: Final = 1_000
_ROUNDED_PICTURES: Final = 256
_BATCH: Final = 64
_ROUNDING: Final = 1e-9  # of shares, so that exactly the allowed cost is allowed


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What one network is quantised on, and judged by."""

    trained: Array
    """Inputs of the graph that training saw."""
    judged: Array
    """Inputs that it never saw, (count, height, width) or (count, height, width, colours)."""
    acceptable: NDArray[np.bool_]
    """(count, 10): which labels are right."""


def quantise(
    artifact: Artifact,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
    *,
    max_cost_points: float = MAX_COST_POINTS,
) -> Artifact:
    """Replace the classifiers whose accuracy allows it by integer graphs, and say what each costs.

    A network for photographs is left as it is where `photographs` are not at hand.
    """
    graphs: dict[str, GraphSpec] = {}
    files: dict[str, bytes] = {}
    probe: dict[str, Array] = {}
    for name, pictures in _pictures(artifact, split, photographs).items():
        spec = artifact.manifest.graphs[name]
        content = quantised((artifact.folder / spec.file).read_bytes(), pictures.trained)
        inputs = artifact.arrays(artifact.manifest.probe.file)[f"{name}/input/{spec.inputs[0].name}"]
        made = Quantisation(
            pictures=len(pictures.trained),
            float_accuracy=_accuracy(artifact.graphs[name], pictures),
            accuracy=_accuracy(opened(content, spec), pictures),
            rounding_error=rounding_errors(content, spec, pictures.trained[:_ROUNDED_PICTURES])[0],
        )
        allowed = cost_points(made) <= max_cost_points + _ROUNDING
        console.print(_sentence(name, made, max_cost_points, allowed), highlight=False, soft_wrap=True)
        if allowed:
            graphs[name] = spec.model_copy(update={"quantisation": made})
            files[spec.file] = content
            for tensor, value in zip(spec.outputs, opened(content, spec)(inputs), strict=True):
                probe[f"{name}/output/{tensor.name}"] = value
    if not graphs:
        return artifact
    return rewrite_artifact(artifact, {"graphs": {**artifact.manifest.graphs, **graphs}}, files, probe)


def cost_points(quantisation: Quantisation) -> float:
    """Points of accuracy lost, negative where the integer graph was right more often."""
    return 100 * (quantisation.float_accuracy - quantisation.accuracy)


def _pictures(
    artifact: Artifact, split: Split, photographs: PhotographSplit | None
) -> Mapping[str, Pictures]:
    """What there is for each of the artifact's classifiers."""
    unseen = split.calibration
    found = {
        "classifier": Pictures(
            split.train.images[:_RANGE_PICTURES], unseen.images, one_label_each(unseen.labels)
        )
    }
    if photographs and "photograph_classifier" in artifact.manifest.graphs:
        classifier = Classifier(artifact)
        found["photograph_classifier"] = Pictures(
            _views(classifier, photographs.train),
            _views(classifier, photographs.validation),
            acceptable_labels(photographs.validation),
        )
    return found


def _views(classifier: Classifier, photographs: Sequence[Photograph]) -> Array:
    return np.stack(
        [
            picture.view
            for picture in prepared_photographs(classifier, photographs[:_RANGE_PICTURES])
            if picture.view is not None
        ]
    )


def _accuracy(graph: Graph, pictures: Pictures) -> float:
    """Of a graph, on the judged pictures as they are and mirrored: twice the pictures, and finer steps."""
    rows = np.arange(len(pictures.judged))
    right = [
        pictures.acceptable[rows, _in_batches(graph, shown).argmax(axis=1)]
        for shown in (pictures.judged, np.flip(pictures.judged, axis=2))
    ]
    return float(np.mean(right))


def _in_batches(graph: Graph, pictures: Array) -> Array:
    starts = range(0, len(pictures), _BATCH)
    parts = [graph(pictures[start : start + _BATCH], outputs=["logits"])[0] for start in starts]
    return np.concatenate(parts)


def opened(content: bytes, spec: GraphSpec) -> Graph:
    """A graph that is not in an artifact yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / spec.file
        path.write_bytes(content)
        return Graph(path, spec)


def rounding_errors(content: bytes, spec: GraphSpec, inputs: Array) -> tuple[float, int]:
    """How far apart processors may come out: twice what two ways of computing differ by here, for outputs in
    float, and for those that are integers.

    Without optimisations ONNX Runtime computes the same sums in float and rounds them, which lands on the
    neighbouring integer now and then, as another processor's instructions may.
    """
    level = onnxruntime.GraphOptimizationLevel
    one, other = (
        _outputs(content, spec, inputs, way) for way in (level.ORT_ENABLE_ALL, level.ORT_DISABLE_ALL)
    )
    apart = {True: 0.0, False: 0.0}
    for a, b in zip(one, other, strict=True):
        integers = np.issubdtype(a.dtype, np.integer)
        apart[integers] = max(apart[integers], 2 * float(np.abs(a.astype(np.float64) - b).max()))
    return apart[False], int(apart[True])


def _outputs(
    content: bytes, spec: GraphSpec, inputs: Array, level: onnxruntime.GraphOptimizationLevel
) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    made: list[Array] = session.run([tensor.name for tensor in spec.outputs], {spec.inputs[0].name: inputs})
    return made


def _sentence(name: str, made: Quantisation, max_cost_points: float, allowed: bool) -> str:
    return (
        f"{name} in eight-bit integers: {made.accuracy:.2%} on pictures never trained on and mirrored, "
        f"{made.float_accuracy:.2%} in float; costs {cost_points(made):+.2f} points, where "
        f"{max_cost_points} may be lost: {'taken' if allowed else 'left in float'}"
    )
