"""From a trained system to an artifact: ONNX graphs that are checked against torch, a manifest and a
probe."""

import logging
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from fashion.artifact import Artifact, write_artifact
from fashion.engine import Array
from fashion.errors import GraphMismatch
from fashion.manifest import GraphSpec, Manifest, Recipe, TensorSpec
from training.networks.classifiers import num_parameters
from training.recipes.recipe import Recipe as TrainingRecipe
from training.runs import RunFolder, RunSettings
from training.systems import ExportGraph, System

_OPSET = 20
_DTYPES = {torch.uint8: "uint8", torch.float32: "float32", torch.int64: "int64"}


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """A graph as the artifact holds it, with a probe of what torch computes."""

    spec: GraphSpec
    content: bytes
    inputs: list[Array]
    outputs: list[Array]


def export_run(folder: RunFolder, destination: Path, metrics: dict[str, float] | None = None) -> Artifact:
    """Write the best weights of a run as an artifact; raises GraphMismatch if a graph computes something
    else."""
    settings = folder.read_settings()
    recipe = settings.build_recipe()
    return export_system(folder.load_system(), recipe, settings, destination, metrics or {})


def export_system(
    system: System,
    recipe: TrainingRecipe,
    settings: RunSettings,
    destination: Path,
    metrics: dict[str, float],
) -> Artifact:
    """Write a trained system as an artifact at `destination`, which must not exist."""
    exported = {graph.name: export_graph(graph) for graph in system.graphs()}
    manifest = Manifest(
        kind=system.kind,
        name=model_name(recipe),
        description=recipe.summary,
        created=datetime.now(UTC),
        latent_size=system.latent_size,
        variational=system.variational,
        num_parameters=num_parameters(system),
        recipe=Recipe(name=recipe.name, settings=settings.settings),
        seed=settings.seed,
        data=settings.data,
        source_commit=source_commit(),
        metrics=metrics,
        graphs={name: graph.spec for name, graph in exported.items()},
    )
    return write_artifact(
        destination,
        manifest,
        {graph.spec.file: graph.content for graph in exported.values()},
        {name: graph.inputs for name, graph in exported.items()},
        {name: graph.outputs for name, graph in exported.items()},
    )


def model_name(recipe: TrainingRecipe) -> str:
    """The name that a recipe's models have in the store."""
    return recipe.released_as or f"fashion-{recipe.name}"


def export_graph(graph: ExportGraph) -> ExportedGraph:
    """Convert a module to ONNX with its weights inside and a dynamic batch, and compare it with torch."""
    module = graph.module.eval()
    with torch.no_grad():
        answers = module(*graph.example)
    outputs = [answers] if isinstance(answers, Tensor) else list(answers)
    content = _to_onnx(graph)
    spec = GraphSpec(
        file=f"{graph.name}.onnx",
        inputs=_specs(graph.inputs, graph.example),
        outputs=_specs(graph.outputs, outputs),
    )
    exported = ExportedGraph(
        spec, content, [value.numpy() for value in graph.example], [value.numpy() for value in outputs]
    )
    _compare_with_torch(graph, exported)
    return exported


def source_commit() -> str | None:
    """The commit of this checkout, with `-dirty` if files were changed since; None outside one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(  # noqa: S603 -- a fixed command
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def _to_onnx(graph: ExportGraph) -> bytes:
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.module,
            graph.example,
            dynamo=True,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple({0: batch} for _ in graph.example),
            opset_version=_OPSET,
            verbose=False,
        )
    if program is None:
        raise GraphMismatch(f"torch exported nothing for the graph {graph.name}.")
    model = program.model_proto
    _forget_origin(model)
    content: bytes = model.SerializeToString()
    return content


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop the stack traces and source paths that torch notes beside every node: they tell of this machine
    alone."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")


def _specs(names: Sequence[str], values: Sequence[Tensor]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=name, dtype=_DTYPES[value.dtype], shape=("batch", *value.shape[1:]))
        for name, value in zip(names, values, strict=True)
    )


def _compare_with_torch(graph: ExportGraph, exported: ExportedGraph) -> None:
    """Raise GraphMismatch unless the graph reproduces torch, on the example and on a batch of one."""
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    for rows in (slice(None), slice(0, 1)):
        arrays = {name: value[rows] for name, value in zip(graph.inputs, exported.inputs, strict=True)}
        for name, found, wanted in zip(
            graph.outputs, session.run(list(graph.outputs), arrays), exported.outputs, strict=True
        ):
            difference = float(np.abs(found - wanted[rows]).max())
            if not difference <= graph.tolerance:
                raise GraphMismatch(
                    f"The exported graph {graph.name} differs from torch by {difference:.2g} in {name}, and "
                    f"at most {graph.tolerance:g} is allowed: do not publish this model; report the "
                    f"versions of torch ({torch.__version__}) and onnx ({onnx.__version__})."
                )
