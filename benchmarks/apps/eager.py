"""The released classifier in eager torch: the recipe's own networks, with the weights of its graphs.

A graph may hold its weights as int8 with scales (ONNX's DequantizeLinear); they are multiplied out, so that
torch computes in float32 with the very numbers that the released model has.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from fashion.artifact import Artifact
from fashion.engine import Array, Graph
from fashion.manifest import EARLY_STATISTICS, STEM_MAPS, GraphSpec
from training.classifying import statistics
from training.early_exiting import NetworkInHalves, ServedEarlyExit
from training.half_weights import SUFFIX
from training.runs import RunSettings
from training.systems import ExportGraph

_PHOTOGRAPHS = "photographs"  # the section of the recipe's settings that belongs to the joined network
_QUANTISED = "_quantized"  # what ONNX Runtime's quantiser adds to a weight's name


class EagerArtifact(Artifact):
    """A classifier whose networks run in eager torch; what they compute becomes answers by the same code."""

    @cached_property
    def graphs(self) -> Mapping[str, Graph]:
        """The networks by name; those that explain an answer are left out."""
        made: dict[str, Graph] = {}
        for graph in self._untrained():
            if graph.name.endswith("classifier"):
                for name, module, outputs in _parts(graph, self._exported(graph.name)):
                    made[name] = EagerGraph(module, outputs, self.manifest.graphs[name])
        return made

    def _exported(self, name: str) -> list[Any]:
        """A network's ONNX graph, or those of both its halves."""
        specs = [self.manifest.graphs.get(each) for each in (name, f"deep_{name}")]
        return [onnx.load(self.folder / spec.file).graph for spec in specs if spec]

    def _untrained(self) -> list[ExportGraph]:
        recipe, seed = self.manifest.recipe, self.manifest.seed
        settings = {name: value for name, value in recipe.settings.items() if name != _PHOTOGRAPHS}
        runs = [RunSettings(recipe.name, settings, seed, "32")]
        if joined := recipe.settings.get(_PHOTOGRAPHS):
            own = {name: value for name, value in joined.items() if name not in ("recipe", "seed")}
            runs.append(RunSettings(joined["recipe"], own, seed, "32"))
        return [graph for run in runs for graph in run.build_recipe().system.build().graphs()]


class EagerGraph(Graph):
    """One graph's torch module, called as `fashion.engine.Graph` is."""

    def __init__(self, module: nn.Module, outputs: Sequence[str], spec: GraphSpec) -> None:
        self.spec = spec
        self._names = outputs  # of what this release computes; an older artifact's spec may have fewer
        self._module = module

    def __call__(self, *arrays: Array, outputs: list[str] | None = None) -> list[Array]:
        """Run the module on `arrays`, one for each input, batch axis first."""
        with torch.inference_mode():
            made = self._module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
        made = made if isinstance(made, tuple) else (made,)
        named = {name: value.numpy() for name, value in zip(self._names, made, strict=True)}
        return [named[name] for name in outputs or [tensor.name for tensor in self.spec.outputs]]


class _FirstHalf(nn.Module):
    """Up to the early exit: what answers are made from there, and the maps that the second half takes."""

    def __init__(self, network: NetworkInHalves) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """UInt8 (batch, 28, 28)."""
        half = self.network.first(images.float() / 255)
        return half.said.logits, half.said.features, statistics(half.early_maps), half.maps


class _SecondHalf(nn.Module):
    """From those maps to the whole network's answer."""

    def __init__(self, network: NetworkInHalves) -> None:
        super().__init__()
        self.network = network

    def forward(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Float (batch, channels, 14, 14)."""
        answer = self.network.second(maps)
        return answer.logits, answer.feature_maps


def _parts(graph: ExportGraph, exported: Sequence[Any]) -> list[tuple[str, nn.Module, Sequence[str]]]:
    """What runs of a network, by the names of the artifact's graphs, and what each of them gives."""
    module = load_weights(graph.module, *exported)
    if not isinstance(module, ServedEarlyExit):
        return [(graph.name, module, graph.outputs)]
    first = ("logits", "features", EARLY_STATISTICS, STEM_MAPS)
    return [
        (graph.name, _FirstHalf(module.network), first),
        (f"deep_{graph.name}", _SecondHalf(module.network), ("logits", "feature_maps")),
    ]


def load_weights(module: nn.Module, *graphs: Any) -> nn.Module:
    """Give `module` the weights of exported ONNX graphs; raises LookupError where they lack one."""
    known = {name: value for graph in graphs for name, value in _weights(graph).items()}
    state = module.state_dict()
    for name, value in state.items():
        if name not in known or known[name].shape != tuple(value.shape):
            raise LookupError(f"the graph has no weights {name} of shape {tuple(value.shape)}")
        state[name] = torch.from_numpy(np.array(known[name]))
    module.load_state_dict(state)
    return module


def _weights(graph: Any) -> dict[str, Array]:
    """Every constant of the graph by its name before it was quantised or shortened, int8 ones multiplied
    out."""
    constants = {
        tensor.name.removesuffix(SUFFIX): numpy_helper.to_array(tensor) for tensor in graph.initializer
    }
    dequantised = {
        node.input[0].removesuffix(_QUANTISED): _dequantised(node, constants)
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    return constants | dequantised


def _dequantised(node: Any, constants: Mapping[str, Array]) -> Array:
    """(quantised - zero point) * scale, for a whole tensor or along the node's axis."""
    quantised, scale, *zeros = (constants[name].astype(np.float32) for name in node.input)
    zero = zeros[0] if zeros else np.zeros_like(scale)
    if scale.size > 1:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [1] * quantised.ndim
        shape[axis] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return np.asarray((quantised - zero) * scale, dtype=np.float32)
