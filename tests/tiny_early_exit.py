"""A tiny classifier in two halves: the first answers what it is sure of, the second the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

from fashion.artifact import Artifact, write_artifact
from fashion.labels import NUM_LABELS
from fashion.manifest import EARLY_STATISTICS, STEM_MAPS, EarlyExit, GraphSpec, Manifest, TensorSpec
from tests.tiny_artifacts import CHANNELS, model_of, pixels_constants, pixels_nodes, tiny_classifier

_LOGITS = TensorSpec(name="logits", dtype="float32", shape=("batch", NUM_LABELS))
_MAPS = TensorSpec(name=STEM_MAPS, dtype="float32", shape=("batch", CHANNELS, 14, 14))
_STATISTICS = TensorSpec(name=EARLY_STATISTICS, dtype="float32", shape=("batch", CHANNELS))
_FIRST = (
    _LOGITS,
    TensorSpec(name="features", dtype="float32", shape=("batch", CHANNELS)),
    _STATISTICS,
    _MAPS,
)
_DEEP = GraphSpec(
    file="deep_classifier.onnx",
    inputs=(_MAPS,),
    outputs=(
        _LOGITS,
        TensorSpec(name="feature_maps", dtype="float32", shape=("batch", CHANNELS, 7, 7)),
    ),
)


def tiny_early_exit(folder: Path, *, confidence: float, seed: int = 0) -> Artifact:
    """`tiny_classifier` with a network in two halves, whose first stands at a probability of `confidence`."""
    random = np.random.default_rng(seed)
    like = tiny_classifier(folder.with_name(f"{folder.name}-plain"), seed=seed)
    contents = {"classifier": _first_half(random), "deep_classifier": _second_half(random)}
    first = like.manifest.graphs["classifier"].model_copy(update={"outputs": _FIRST})
    exits = EarlyExit(confidence=confidence, pictures=100, share=0.5, changed=0.0)
    graphs = {**like.manifest.graphs, "classifier": first, "deep_classifier": _DEEP}
    manifest = like.manifest.model_copy(update={"graphs": graphs, "early_exit": exits})
    probe = like.arrays(manifest.probe.file)
    values = {
        "images": probe["classifier/input/images"],
        "feature_maps": probe["explainer/input/feature_maps"],
    }
    return _written(folder, like, manifest, contents, values)


def _written(
    folder: Path, like: Artifact, manifest: Manifest, contents: dict[str, bytes], values: dict[str, Any]
) -> Artifact:
    inputs, outputs = {}, {}
    names = ("classifier", "deep_classifier", "explainer")
    for name in names:
        spec = manifest.graphs[name]
        content = contents.get(name) or (like.folder / spec.file).read_bytes()
        inputs[name] = [values[tensor.name] for tensor in spec.inputs]
        wanted = [tensor.name for tensor in spec.outputs]
        outputs[name] = ort.InferenceSession(content).run(
            wanted, dict(zip([tensor.name for tensor in spec.inputs], inputs[name], strict=True))
        )
        values |= dict(zip(wanted, outputs[name], strict=True))
    kept = {name: like.folder / name for name in like.manifest.files if name != manifest.probe.file}
    files = kept | {manifest.graphs[name].file: content for name, content in contents.items()}
    return write_artifact(folder, manifest.model_copy(update={"files": {}}), files, inputs, outputs)


def _first_half(random: np.random.Generator) -> bytes:
    nodes = [
        *pixels_nodes(),
        helper.make_node("Conv", ["pixels", "kernel"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], [STEM_MAPS]),
        helper.make_node("ReduceMean", [STEM_MAPS, "sides"], ["features"], keepdims=0),
        helper.make_node("ReduceMax", [STEM_MAPS, "sides"], [EARLY_STATISTICS], keepdims=0),
        helper.make_node("MatMul", ["features", "head"], ["logits"]),
    ]
    constants = {
        "kernel": random.normal(size=(CHANNELS, 1, 2, 2)).astype(np.float32),
        "head": 15 * random.normal(size=(CHANNELS, NUM_LABELS)).astype(np.float32),
        "sides": np.array([2, 3], dtype=np.int64),
        **pixels_constants([-1, 1, 28, 28]),
    }
    outputs: dict[str, list[Any]] = {tensor.name: [None, *tensor.shape[1:]] for tensor in _FIRST}
    return model_of(nodes, {"images": (TensorProto.UINT8, [None, 28, 28])}, outputs, constants)


def _second_half(random: np.random.Generator) -> bytes:
    nodes = [
        helper.make_node("Conv", [STEM_MAPS, "kernel"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["feature_maps"]),
        helper.make_node("ReduceMean", ["feature_maps", "sides"], ["pooled"], keepdims=0),
        helper.make_node("MatMul", ["pooled", "head"], ["logits"]),
    ]
    constants = {
        "kernel": random.normal(size=(CHANNELS, CHANNELS, 2, 2)).astype(np.float32),
        "head": random.normal(size=(CHANNELS, NUM_LABELS)).astype(np.float32),
        "sides": np.array([2, 3], dtype=np.int64),
    }
    outputs: dict[str, list[Any]] = {tensor.name: [None, *tensor.shape[1:]] for tensor in _DEEP.outputs}
    inputs = {STEM_MAPS: (TensorProto.FLOAT, [None, CHANNELS, 14, 14])}
    return model_of(nodes, inputs, outputs, constants)
