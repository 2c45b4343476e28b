"""Real artifacts with tiny seeded networks, written by the real writer: what most tests run on.

The graphs are built with onnx.helper, so that nothing here needs torch; they are small enough to write in
milliseconds, and wrong in every way but form.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from fashion.artifact import Artifact, write_artifact
from fashion.labels import NUM_LABELS
from fashion.manifest import Calibration, GraphSpec, Manifest, Prior, Recipe, TensorSpec

CHANNELS = 3
LATENT = 4
VIEW_SIDE = 8
Change = Callable[[Manifest], Manifest]


def tiny_classifier(
    folder: Path,
    *,
    name: str = "fashion-classifier",
    seed: int = 0,
    photographs: bool = False,
    change: Change = lambda same: same,
) -> Artifact:
    """A classifier whose network pools 7x7 blocks; calibrated for network inputs, not for photographs.

    With `photographs` it brings a second network, which looks at a view of 8x8 pixels in colour.
    """
    random = np.random.default_rng(seed)
    graphs = {"classifier": _classifier_graph(random), "explainer": _explainer_graph(random)}
    features = GraphSpec(
        file="classifier.onnx",
        inputs=(_images("uint8"),),
        outputs=(
            TensorSpec(name="logits", dtype="float32", shape=("batch", NUM_LABELS)),
            TensorSpec(name="features", dtype="float32", shape=("batch", CHANNELS)),
            TensorSpec(name="feature_maps", dtype="float32", shape=("batch", CHANNELS, 7, 7)),
        ),
    )
    explainer = GraphSpec(
        file="explainer.onnx",
        inputs=(TensorSpec(name="feature_maps", dtype="float32", shape=("batch", CHANNELS, 7, 7)),),
        outputs=(
            TensorSpec(name="class_activation_maps", dtype="float32", shape=("batch", NUM_LABELS, 7, 7)),
        ),
    )
    calibration = Calibration(
        source="random pictures",
        count=100,
        logit_scale=(0.5,) * NUM_LABELS,
        logit_bias=(0.0,) * NUM_LABELS,
        coverage=0.99,
        set_thresholds=(0.05,) * NUM_LABELS,
        novelty_file="novelty.npz",
        novelty_quantiles=tuple(np.linspace(0, 3, 101)),
        novelty_threshold=0.95,
    )
    manifest = Manifest(
        kind="classifier",
        name=name,
        description="A tiny classifier for tests",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        num_parameters=CHANNELS * (NUM_LABELS + 1),
        recipe=Recipe(name="tiny"),
        seed=seed,
        calibration={"network_input": calibration, "photograph": None},
        graphs={"classifier": features, "explainer": explainer},
        metrics={"test_accuracy": 0.1},
    )
    whitening = np.eye(CHANNELS, dtype=np.float32)
    class_means = random.normal(size=(NUM_LABELS, CHANNELS)).astype(np.float32)
    extra = {"novelty.npz": _npz(folder, whitening=whitening, class_means=class_means)}
    probe = _pictures(random)
    if photographs:
        graphs["photograph_classifier"] = _view_graph(random)
        manifest = manifest.model_copy(
            update={"graphs": {**manifest.graphs, "photograph_classifier": _VIEWS}}
        )
        probe["views"] = random.integers(0, 256, (2, VIEW_SIDE, VIEW_SIDE, 3), dtype=np.uint8)
    return _write(folder, change(manifest), graphs, extra, probe)


def tiny_autoencoder(
    folder: Path,
    *,
    name: str = "fashion-vae",
    seed: int = 0,
    variational: bool = True,
    change: Change = lambda same: same,
) -> Artifact:
    """An autoencoder of two matrices with a mixture prior; a plain one, without `variational`, has none."""
    random = np.random.default_rng(seed)
    graphs = {"encoder": _encoder_graph(random, variational), "decoder": _decoder_graph(random)}
    latents = [TensorSpec(name="mean", dtype="float32", shape=("batch", LATENT))]
    if variational:
        latents.append(TensorSpec(name="log_variance", dtype="float32", shape=("batch", LATENT)))
    encoder = GraphSpec(file="encoder.onnx", inputs=(_images("uint8"),), outputs=tuple(latents))
    decoder = GraphSpec(
        file="decoder.onnx",
        inputs=(TensorSpec(name="latents", dtype="float32", shape=("batch", LATENT)),),
        outputs=(_images("float32"),),
    )
    manifest = Manifest(
        kind="autoencoder",
        name=name,
        description="A tiny autoencoder for tests",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        latent_size=LATENT,
        variational=variational,
        num_parameters=3 * 784 * LATENT,
        recipe=Recipe(name="tiny"),
        seed=seed,
        prior=Prior(kind="gaussian_mixture", file="prior.npz") if variational else Prior(kind="none"),
        graphs={"encoder": encoder, "decoder": decoder},
    )
    extra = {"prior.npz": _npz(folder, **_mixture(random))} if variational else {}
    probe = {**_pictures(random), "latents": random.normal(size=(2, LATENT)).astype(np.float32)}
    return _write(folder, change(manifest), graphs, extra, probe)


def _write(
    folder: Path,
    manifest: Manifest,
    graphs: dict[str, bytes],
    extra: dict[str, bytes],
    values: dict[str, Any],
) -> Artifact:
    inputs: dict[str, list[Any]] = {}
    outputs: dict[str, list[Any]] = {}
    for name, spec in manifest.graphs.items():
        inputs[name] = [values[tensor.name] for tensor in spec.inputs]
        session = ort.InferenceSession(graphs[name])
        outputs[name] = session.run(None, dict(zip([t.name for t in spec.inputs], inputs[name], strict=True)))
        values |= dict(zip([t.name for t in spec.outputs], outputs[name], strict=True))
    files = {manifest.graphs[name].file: content for name, content in graphs.items()} | extra
    return write_artifact(folder, manifest, files, inputs, outputs)


def _pictures(random: np.random.Generator) -> dict[str, Any]:
    return {"images": random.integers(0, 256, (2, 28, 28), dtype=np.uint8)}


def _images(dtype: Any) -> TensorSpec:
    return TensorSpec(name="images", dtype=dtype, shape=("batch", 28, 28))


def _npz(folder: Path, **arrays: Any) -> bytes:
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.parent / f"{folder.name}-arrays.npz"
    np.savez(path, allow_pickle=False, **arrays)
    content = path.read_bytes()
    path.unlink()
    return content


def _mixture(random: np.random.Generator) -> dict[str, Any]:
    components = 2
    return {
        "weights": np.full((NUM_LABELS, components), 1 / components),
        "means": random.normal(size=(NUM_LABELS, components, LATENT)).astype(np.float32),
        "factors": np.tile(0.3 * np.eye(LATENT, dtype=np.float32), (NUM_LABELS, components, 1, 1)),
        "label_frequencies": np.full(NUM_LABELS, 1 / NUM_LABELS),
    }


def _classifier_graph(random: np.random.Generator) -> bytes:
    kernel = random.normal(size=(CHANNELS, 1, 4, 4)).astype(np.float32) / 4
    head = random.normal(size=(CHANNELS, NUM_LABELS)).astype(np.float32)
    nodes = [
        *pixels_nodes(),
        helper.make_node("Conv", ["pixels", "kernel"], ["conv"], strides=[4, 4]),
        helper.make_node("Relu", ["conv"], ["feature_maps"]),
        helper.make_node("GlobalAveragePool", ["feature_maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("MatMul", ["features", "head"], ["logits"]),
    ]
    outputs = {
        "logits": [None, NUM_LABELS],
        "features": [None, CHANNELS],
        "feature_maps": [None, CHANNELS, 7, 7],
    }
    constants = {"kernel": kernel, "head": head, **pixels_constants([-1, 1, 28, 28])}
    return model_of(nodes, {"images": (TensorProto.UINT8, [None, 28, 28])}, outputs, constants)


_VIEWS = GraphSpec(
    file="photograph_classifier.onnx",
    inputs=(TensorSpec(name="views", dtype="uint8", shape=("batch", VIEW_SIDE, VIEW_SIDE, 3)),),
    outputs=(
        TensorSpec(name="logits", dtype="float32", shape=("batch", NUM_LABELS)),
        TensorSpec(name="features", dtype="float32", shape=("batch", CHANNELS)),
    ),
)


def _view_graph(random: np.random.Generator) -> bytes:
    nodes = [
        helper.make_node("Cast", ["views"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "sides"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "head"], ["logits"]),
    ]
    constants = {
        "sides": np.array([1, 2], dtype=np.int64),
        "head": random.normal(size=(CHANNELS, NUM_LABELS)).astype(np.float32) / 255,
    }
    inputs = {"views": (TensorProto.UINT8, [None, VIEW_SIDE, VIEW_SIDE, 3])}
    return model_of(nodes, inputs, {"logits": [None, NUM_LABELS], "features": [None, CHANNELS]}, constants)


def _explainer_graph(random: np.random.Generator) -> bytes:
    kernel = random.normal(size=(NUM_LABELS, CHANNELS, 1, 1)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["feature_maps", "kernel"], ["class_activation_maps"])]
    inputs = {"feature_maps": (TensorProto.FLOAT, [None, CHANNELS, 7, 7])}
    return model_of(nodes, inputs, {"class_activation_maps": [None, NUM_LABELS, 7, 7]}, {"kernel": kernel})


def _encoder_graph(random: np.random.Generator, variational: bool) -> bytes:
    constants = {
        "to_mean": random.normal(size=(784, LATENT)).astype(np.float32) / 28,
        **pixels_constants([-1, 784]),
    }
    nodes = [*pixels_nodes(), helper.make_node("MatMul", ["pixels", "to_mean"], ["mean"])]
    outputs = {"mean": [None, LATENT]}
    if variational:
        constants["to_variance"] = random.normal(size=(784, LATENT)).astype(np.float32) / 28
        nodes.append(helper.make_node("MatMul", ["pixels", "to_variance"], ["log_variance"]))
        outputs["log_variance"] = [None, LATENT]
    return model_of(nodes, {"images": (TensorProto.UINT8, [None, 28, 28])}, outputs, constants)


def _decoder_graph(random: np.random.Generator) -> bytes:
    constants = {
        "to_pixels": random.normal(size=(LATENT, 784)).astype(np.float32),
        "shape": np.array([-1, 28, 28], dtype=np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["latents", "to_pixels"], ["flat"]),
        helper.make_node("Sigmoid", ["flat"], ["grey"]),
        helper.make_node("Reshape", ["grey", "shape"], ["images"]),
    ]
    inputs = {"latents": (TensorProto.FLOAT, [None, LATENT])}
    return model_of(nodes, inputs, {"images": [None, 28, 28]}, constants)


def pixels_nodes() -> list[Any]:
    return [
        helper.make_node("Cast", ["images"], ["bytes"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["bytes", "white"], ["scaled"]),
        helper.make_node("Reshape", ["scaled", "pixel_shape"], ["pixels"]),
    ]


def pixels_constants(shape: list[int]) -> dict[str, Any]:
    return {"white": np.float32(255), "pixel_shape": np.array(shape, dtype=np.int64)}


def model_of(
    nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], constants: dict[str, Any]
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, dtype, ["batch", *shape[1:]])
            for name, (dtype, shape) in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape[1:]])
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()
