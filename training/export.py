"""From a trained system to an artifact: ONNX graphs that are checked against torch, a manifest and a
probe."""

import hashlib
import logging
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor

from fashion.artifact import Artifact, write_artifact
from fashion.engine import Array
from fashion.errors import GraphMismatch, InvalidValue
from fashion.manifest import GraphSpec, Manifest, Recipe, TensorSpec
from training.branches import branches_of, weigh_branches
from training.half_weights import rounded, stored_in_half
from training.networks.classifiers import num_parameters
from training.photographs import LABELS_FILE
from training.recipes.recipe import Recipe as TrainingRecipe
from training.runs import RunFolder, RunSettings
from training.systems import ExportGraph, System

PHOTOGRAPHS: Final = "photographs"
"""The section of a recipe's settings that tells of the network for photographs."""
_OPSET = 20
_DTYPES = {torch.uint8: "uint8", torch.float32: "float32", torch.int64: "int64"}


@dataclass(frozen=True, slots=True)
class ExportedGraph:
    """A graph as the artifact holds it, with a probe of what torch computes."""

    spec: GraphSpec
    content: bytes
    inputs: list[Array]
    outputs: list[Array]


def export_run(
    folder: RunFolder,
    destination: Path,
    metrics: dict[str, float] | None = None,
    joined: RunFolder | None = None,
) -> Artifact:
    """Write the best weights of a run as an artifact; raises GraphMismatch if a graph computes something
    else.

    `joined` is the run of a network for photographs, whose graphs and settings are added.
    """
    settings = _with_parts(folder)
    recipe = settings.build_recipe()
    systems = [folder.load_system()]
    if joined:
        systems.append(joined.load_system())
        settings = _with_section(settings, PHOTOGRAPHS, _with_parts(joined))
        settings = replace(settings, data={**settings.data, LABELS_FILE.name: _md5(LABELS_FILE)})
    return export_systems(systems, recipe, settings, destination, metrics or {})


def check_joinable(folder: RunFolder, joined: RunFolder | None) -> None:
    """Raise InvalidValue unless the runs make one artifact: a network for photographs joins a classifier."""
    main = folder.read_settings().build_recipe().system.build()
    if not main.stands_alone:
        raise InvalidValue(
            f"{folder.path} is a run of a network for photographs, which answers for nothing else: name the "
            f"run of a classifier, and this one behind --photographs.",
            field="RUN",
        )
    if joined is None:
        return
    other = joined.read_settings().build_recipe().system.build()
    if other.stands_alone or main.kind != other.kind:
        raise InvalidValue(
            f"Expected a classifier's run and one of photograph-classifier to join, came {folder.path} and "
            f"{joined.path}.",
            field="--photographs",
        )


def _with_parts(folder: RunFolder) -> RunSettings:
    """The settings of a run, with those of the runs that it was built on and that are still there."""
    settings = folder.read_settings()
    for part in settings.build_recipe().builds_on:
        run = folder.foundation(part)
        if run.settings_file.is_file():
            settings = _with_section(settings, part, _with_parts(run))
    return settings


def _with_section(settings: RunSettings, name: str, other: RunSettings) -> RunSettings:
    """The settings of a run, with those of another run that it needed in a section of their own."""
    section = {"recipe": other.recipe, "seed": other.seed, **other.settings}
    data = {**settings.data, **other.data}
    return replace(settings, settings={**settings.settings, name: section}, data=data)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def export_systems(
    systems: Sequence[System],
    recipe: TrainingRecipe,
    settings: RunSettings,
    destination: Path,
    metrics: dict[str, float],
) -> Artifact:
    """Write a trained system, and what joins it, as one artifact at `destination`, which must not exist."""
    exported = {graph.name: export_graph(graph) for system in systems for graph in system.graphs()}
    system = systems[0]
    manifest = Manifest(
        kind=system.kind,
        name=model_name(recipe),
        description=recipe.summary,
        created=datetime.now(UTC),
        latent_size=system.latent_size,
        variational=system.variational,
        num_parameters=sum(num_parameters(each.network) for each in systems),
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
    if graph.half_weights:
        graph = replace(graph, module=rounded(graph.module))
    module = graph.module.eval()
    with torch.no_grad():
        answers = module(*graph.example)
    outputs = [answers] if isinstance(answers, Tensor) else list(answers)
    content = stored_in_half(_to_onnx(graph)) if graph.half_weights else _to_onnx(graph)
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
    weigh_branches(model)
    _forget_origin(model)
    content: bytes = model.SerializeToString()
    return content


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop the stack traces and source paths that torch notes beside every node: they tell of this machine
    alone."""
    for graph in (model.graph, *branches_of(model.graph)):
        for part in (graph, *graph.node, *graph.value_info, *graph.initializer):
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
