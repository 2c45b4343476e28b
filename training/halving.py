"""A classifier with an early exit, as it is served: its graph in two halves, and which pictures need the
second.

The graph is exported and turned into integers as a whole, so that both halves compute exactly what the whole
did; then it is cut where the branch leaves. How sure the branch must be is chosen by pictures that training
never saw, and by one rule: of all pictures, at most one in two thousand may get another label than the whole
network gives it. Those who leave are easy and the others hard, and one temperature suits both only if the
branch's logits are scaled first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from onnx.utils import Extractor
from rich.console import Console

from fashion.artifact import Artifact
from fashion.classifier import softmax
from fashion.engine import Array, Graph
from fashion.errors import GraphMismatch
from fashion.manifest import EARLY_STATISTICS, STEM_MAPS, EarlyExit, GraphSpec, TensorSpec
from training.answers import Answers, one_label_each
from training.early_exiting import EXIT_LOGITS
from training.probabilities import fit_scaling
from training.quantise import opened, rounding_errors
from training.rewriting import rewrite_artifact
from training.splits import Split

MAX_CHANGED: Final = 0.0005
"""Of all pictures: those that may leave early with another label than the whole network's."""

_BATCH: Final = 64
_VIEWS: Final = 2  # of each picture: as it is, and mirrored
_NOBODY: Final = 2.0  # no probability is as high
_ROUNDED_PICTURES: Final = 256
_WHOLE: Final = "classifier"
_DEEP: Final = "deep_classifier"


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What both halves say of pictures, and what is right."""

    early: NDArray[np.float32]
    """Logits (count, 10) of the branch."""
    deep: NDArray[np.float32]
    """Logits (count, 10) of the whole network."""
    labels: NDArray[np.int64]


def with_early_exit(artifact: Artifact, split: Split, console: Console) -> Artifact:
    """Cut the classifier in two, and choose who leaves early; an artifact without a branch stays as it is."""
    spec = artifact.manifest.graphs.get(_WHOLE)
    if spec is None or EXIT_LOGITS not in {tensor.name for tensor in spec.outputs}:
        return artifact
    unseen = split.calibration
    images = np.concatenate([unseen.images, np.flip(unseen.images, axis=2)])
    model = onnx.load(artifact.folder / spec.file)
    unscaled = _answered(artifact.graphs[_WHOLE], images, np.tile(unseen.labels, _VIEWS))
    scale = exit_scale(unscaled)
    answered = replace(unscaled, early=unscaled.early * np.float32(scale))
    first, second = halves(_with_scaled_exit(model, scale))
    specs, contents = _specs(spec, first), {_WHOLE: first, _DEEP: second}
    graphs = {name: opened(contents[name].SerializeToString(), specs[name]) for name in specs}
    probe = _probe(artifact, graphs)
    specs = {name: _measured(specs[name], contents[name], graphs, images) for name in specs}
    chosen = choose(answered)
    console.print(_sentence(chosen, answered), highlight=False, soft_wrap=True)
    return rewrite_artifact(
        artifact,
        {"graphs": {**artifact.manifest.graphs, **specs}, "early_exit": chosen},
        {specs[name].file: contents[name].SerializeToString() for name in specs},
        probe,
    )


def exit_scale(answered: Answered) -> float:
    """What the branch's logits are to be multiplied by, so that one temperature suits both halves.

    The quotient of what suits those who would leave and those who would not.
    """
    leaving = softmax(answered.early).max(axis=1) >= choose(answered).confidence
    scales = []
    for logits, rows in ((answered.early, leaving), (answered.deep, ~leaving)):
        if not rows.any():
            return 1.0
        labelled = Answers(logits[rows], logits[rows], one_label_each(answered.labels[rows]))
        scales.append(float(fit_scaling(labelled, "temperature").scale[0]))
    return scales[0] / scales[1]


def choose(answered: Answered) -> EarlyExit:
    """The lowest confidence at which no more than `MAX_CHANGED` of the pictures get another label."""
    confidences = softmax(answered.early).max(axis=1)
    others = answered.early.argmax(axis=1) != answered.deep.argmax(axis=1)
    falling = np.sort(confidences)[::-1]
    changed = others[np.argsort(-confidences, kind="stable")].cumsum()
    next_lower = np.append(falling[1:], 0.0)
    # After each of these the next one may be kept back: equals leave together or not at all.
    ends = np.flatnonzero((changed <= MAX_CHANGED * len(others)) & (next_lower < falling))
    # Half-way, so that no last digit sends one of these pictures the other way.
    lowest = float((falling[ends[-1]] + next_lower[ends[-1]]) / 2) if len(ends) else _NOBODY
    leaving = confidences >= lowest
    return EarlyExit(
        confidence=lowest,
        pictures=len(others) // _VIEWS,
        share=float(leaving.mean()),
        changed=float((leaving & others).mean()),
    )


def halves(model: ModelProto) -> tuple[ModelProto, ModelProto]:
    """The graph up to where the branch ends, and from where it left to the whole network's answer.

    What is handed over is in integers where the graph computes in them.
    """
    made_by = {name: node for node in model.graph.node for name in node.output}
    cut = STEM_MAPS
    if made_by[cut].op_type == "DequantizeLinear":
        cut = made_by[cut].input[0]
    extractor = Extractor(onnx.shape_inference.infer_shapes(model))
    first = extractor.extract_model(["images"], [EXIT_LOGITS, "features", EARLY_STATISTICS, cut])
    second = extractor.extract_model([cut], ["logits", "feature_maps"])
    names = {} if cut == STEM_MAPS else {STEM_MAPS: f"{STEM_MAPS}_dequantised", cut: STEM_MAPS}
    return _renamed(first, {**names, EXIT_LOGITS: "logits"}), _renamed(second, names)


def _with_scaled_exit(model: ModelProto, scale: float) -> ModelProto:
    """The same graph, its branch's last layer (a Gemm) multiplied by `scale`."""
    (last,) = (node for node in model.graph.node if EXIT_LOGITS in node.output)
    for tensor in model.graph.initializer:
        if tensor.name in last.input[1:]:
            scaled = (numpy_helper.to_array(tensor) * np.float32(scale)).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
    return model


def _answered(whole: Graph, images: Array, labels: NDArray[np.int64]) -> Answered:
    made = [
        whole(images[start : start + _BATCH], outputs=[EXIT_LOGITS, "logits"])
        for start in range(0, len(images), _BATCH)
    ]
    early, deep = (np.concatenate(parts) for parts in zip(*made, strict=True))
    return Answered(early, deep, labels)


def _renamed(model: ModelProto, names: Mapping[str, str]) -> ModelProto:
    graph = model.graph
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    return model


def _specs(whole: GraphSpec, first: ModelProto) -> dict[str, GraphSpec]:
    tensors = {tensor.name: tensor for tensor in whole.outputs}
    (maps,) = (value for value in first.graph.output if value.name == STEM_MAPS)
    in_integers = maps.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    handed_over = TensorSpec(
        name=STEM_MAPS, dtype="uint8" if in_integers else "float32", shape=tensors[STEM_MAPS].shape
    )
    own = [tensors[name] for name in ("logits", "features", EARLY_STATISTICS)]
    return {
        _WHOLE: whole.model_copy(update={"outputs": (*own, handed_over)}),
        _DEEP: whole.model_copy(
            update={
                "file": f"{_DEEP}.onnx",
                "inputs": (handed_over,),
                "outputs": (tensors["logits"], tensors["feature_maps"]),
            }
        ),
    }


def _probe(artifact: Artifact, graphs: Mapping[str, Graph]) -> dict[str, Array]:
    """The probe of both halves; raises GraphMismatch unless they compute what the whole does."""
    arrays = artifact.arrays(artifact.manifest.probe.file)
    first = dict(zip(_outputs(graphs[_WHOLE]), graphs[_WHOLE](arrays[f"{_WHOLE}/input/images"]), strict=True))
    second = dict(zip(_outputs(graphs[_DEEP]), graphs[_DEEP](first[STEM_MAPS]), strict=True))
    (whole,) = artifact.graphs[_WHOLE](arrays[f"{_WHOLE}/input/images"], outputs=["logits"])
    if not np.allclose(second["logits"], whole, atol=1e-4):
        difference = float(np.abs(second["logits"] - whole).max())
        raise GraphMismatch(
            f"The halves of the classifier differ from the whole by {difference:.2g}: do not publish this "
            f"model; report the versions of onnx and onnxruntime."
        )
    return {
        **{f"{_WHOLE}/output/{name}": value for name, value in first.items()},
        f"{_DEEP}/input/{STEM_MAPS}": first[STEM_MAPS],
        **{f"{_DEEP}/output/{name}": value for name, value in second.items()},
    }


def _measured(spec: GraphSpec, content: ModelProto, graphs: Mapping[str, Graph], images: Array) -> GraphSpec:
    """The spec of a half that computes in integers, with its own rounding errors: see Quantisation."""
    if spec.quantisation is None:
        return spec
    inputs = images[:_ROUNDED_PICTURES]
    if spec.inputs[0].name == STEM_MAPS:
        (inputs,) = graphs[_WHOLE](inputs, outputs=[STEM_MAPS])
    error, steps = rounding_errors(content.SerializeToString(), spec, inputs)
    own = spec.quantisation.model_copy(update={"rounding_error": error, "rounding_steps": steps})
    return spec.model_copy(update={"quantisation": own})


def _outputs(graph: Graph) -> list[str]:
    return [tensor.name for tensor in graph.spec.outputs]


def _sentence(chosen: EarlyExit, answered: Answered) -> str:
    leaving = softmax(answered.early).max(axis=1) >= chosen.confidence
    answers = np.where(leaving[:, None], answered.early, answered.deep)
    right, all_the_way = (
        float((logits.argmax(axis=1) == answered.labels).mean()) for logits in (answers, answered.deep)
    )
    return (
        f"early exit: {chosen.share:.1%} of {chosen.pictures:,} pictures never trained on, and mirrored, "
        f"leave at a probability of {chosen.confidence:.4f} or more, {chosen.changed:.2%} of all with "
        f"another label; {right:.2%} right, {all_the_way:.2%} if all went all the way"
    )
