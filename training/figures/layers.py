"""What every layer of an exported graph computes, read from the graph itself.

The ONNX graph is the one thing that a run, a published version and a released file have in common. Its inner
values become outputs of a copy of it, so that what is drawn is what the served network computes.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.engine import Array
from fashion.manifest import STEM_MAPS

_NAMES: Final = {
    "Conv": "convolution",
    "ConvTranspose": "transposed convolution",
    "Gemm": "dense",
    "MatMul": "dense",
    "MaxPool": "max pool",
    "AveragePool": "average pool",
    "GlobalAveragePool": "global average pool",
    "ReduceMean": "global average pool",
    "Relu": "ReLU",
    "Sigmoid": "sigmoid",
    "Add": "sum",
    "Resize": "upsampling",
    "DepthToSpace": "sub-pixel shuffle",
    "Softmax": "softmax",
    "Exp": "exponential",
    "Clip": "clip",
}
"""The operators that are worth a box of their own; what only moves or scales numbers is passed over."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One step of the graph, with what it computed for one batch."""

    name: str
    """For people: `convolution 3x3`."""
    operator: str
    value: Array
    """(batch, …)."""
    num_parameters: int
    sources: tuple[int, ...] = field(default=())
    """The layers that it takes its input from, by position; -1 is the graph's input."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the batch axis."""
        return tuple(self.value.shape[1:])


def layers_of(artifact: Artifact, graph: str, inputs: Array) -> list[Layer]:
    """The layers of one of the artifact's graphs, in order, and what they compute for `inputs` (batch, …)."""
    model = onnx.load(artifact.folder / artifact.manifest.graphs[graph].file)
    constants = _constants(model)
    shown = [node for node in model.graph.node if _is_layer(node, constants)]
    names = [node.output[0] for node in shown]
    values = _run_with_outputs(model, names, inputs)
    positions = {name: position for position, name in enumerate(names)}
    makers = {output: node for node in model.graph.node for output in node.output}
    return [
        Layer(
            _described(node, constants),
            node.op_type,
            values[node.output[0]],
            sum(int(np.prod(constants[name].dims)) for name in node.input if name in constants)
            if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul")
            else 0,
            tuple(
                sorted(
                    {
                        _source(name, makers, positions)
                        for name in node.input
                        if name and name not in constants
                    }
                )
            ),
        )
        for node in shown
    ]


def network_layers(artifact: Artifact, graph: str, inputs: Array) -> list[Layer]:
    """The same of a whole network: behind the layers up to an early exit come those of its second half."""
    layers = layers_of(artifact, graph, inputs)
    deep = f"deep_{graph}"
    if deep in artifact.manifest.graphs:
        (maps,) = artifact.graphs[graph](inputs, outputs=[STEM_MAPS])
        layers += [
            replace(
                layer,
                name=f"{layer.name}, second half",
                sources=tuple(len(layers) + source if source >= 0 else -1 for source in layer.sources),
            )
            for layer in layers_of(artifact, deep, maps)
        ]
    return layers


def _constants(model: Any) -> dict[str, Any]:
    """The weights by the names that layers call them by: integers and halves become floats on the way."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Cast") and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]
    return constants


def _is_layer(node: Any, constants: dict[str, Any]) -> bool:
    if node.op_type not in _NAMES:
        return False
    moving = [name for name in node.input if name and name not in constants]
    # A sum with a constant is a bias, and a product with none but constants is no layer.
    return node.op_type != "Add" or len(moving) > 1


def _described(node: Any, constants: dict[str, Any]) -> str:
    name = _NAMES[node.op_type]
    if node.op_type in ("Conv", "ConvTranspose") and node.input[1] in constants:
        height, width = constants[node.input[1]].dims[2:]
        return f"{name} {height}x{width}"
    if node.op_type == "MaxPool":
        kernel = next(list(value.ints) for value in node.attribute if value.name == "kernel_shape")
        return f"{name} {'x'.join(map(str, kernel))}"
    return name


def _source(name: str, makers: dict[str, Any], positions: dict[str, int]) -> int:
    """The nearest layer that a value comes from, through steps that are not shown."""
    while name not in positions:
        if name not in makers:
            return -1
        name = next((given for given in makers[name].input if given in makers or given in positions), "")
    return positions[name]


def _run_with_outputs(model: Any, names: list[str], inputs: Array) -> dict[str, NDArray[Any]]:
    wanted = onnx.ModelProto()
    wanted.CopyFrom(model)
    known = {output.name for output in wanted.graph.output}
    wanted.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # keep every value
    session = onnxruntime.InferenceSession(
        wanted.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    answers = session.run(names, {session.get_inputs()[0].name: inputs})
    return dict(zip(names, answers, strict=True))
