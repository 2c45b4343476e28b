"""A graph in float to one that computes in eight-bit integers: a third of the time, a quarter of the bytes.

Convolutions but the first, and what stands between them, are computed in integers: uint8 activations over
the ranges that training pictures reach, int8 weights with a scale for each output channel. What comes before
(the pictures' scale, the first convolution) and after (the pool, the head) stays in float, so that logits and
class activation maps still agree with each other as they do in float.

Weights use seven of the eight bits: on processors without VNNI, ONNX Runtime adds pairs of products in 16
bits, which 255 * 127 twice overflows and 255 * 64 twice does not. So every processor computes the same sums.
docs/decisions/0331 tells what was measured.
"""

import copy
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from fashion.engine import Array

INTEGER_OPERATIONS: Final = ("Conv", "Relu", "MaxPool", "AveragePool", "Add")
_BATCH: Final = 16
_RARELY_ACTIVE: Final = 0.02
"""Share of positive activations below which a channel's bias is corrected no further: dividing by less would
turn rounding into large steps."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution that is to be computed in integers."""

    name: str
    output: str
    """The tensor that is quantised: the convolution's, or that of the ReLU behind it."""
    rectified: bool


def quantised(content: bytes, pictures: Array) -> bytes:
    """An ONNX graph of one input, which gives `logits`, with its convolutions in integers.

    `pictures` are inputs of the graph that training saw. Ranges are the extremes of all of them, or the means
    of the batches' extremes, which one odd picture moves little: whichever keeps the logits nearer to the
    float graph's. Each layer's biases are corrected until its outputs have the means that they have in float
    (Nagel et al. 2019, arXiv:1906.04721, section 4.2, measured rather than derived).
    """
    with tempfile.TemporaryDirectory() as folder, _quiet():
        exported, source = Path(folder) / "exported.onnx", Path(folder) / "float.onnx"
        exported.write_bytes(content)
        quant_pre_process(exported, source, skip_symbolic_shape=True)
        before = onnx.load(source)
        made = [_converted(source, before, pictures, mean_extremes) for mean_extremes in (False, True)]
    expected = _logits(before, pictures)
    nearest = min(made, key=lambda model: float(np.abs(_logits(model, pictures) - expected).mean()))
    serialised: bytes = nearest.SerializeToString()
    return serialised


def _converted(source: Path, before: ModelProto, pictures: Array, mean_extremes: bool) -> ModelProto:
    target = source.with_name("integer.onnx")
    quantize_static(
        source,
        target,
        _Batches(before.graph.input[0].name, pictures),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(INTEGER_OPERATIONS),
        nodes_to_exclude=[_convolutions(before)[0].name],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"CalibMovingAverage": mean_extremes},
    )
    after = onnx.load(target)
    _correct_biases(before, after, pictures)
    return after


def _logits(model: ModelProto, pictures: Array) -> Array:
    run = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run
    name = model.graph.input[0].name
    return np.concatenate([run(["logits"], {name: batch})[0] for batch in _batched(pictures)])


def integer_layers(model: ModelProto) -> list[Layer]:
    """The convolutions of a float graph that `quantised` turns into integers, in order."""
    rectifiers = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Relu"}
    return [
        Layer(node.name, rectifiers.get(node.output[0], node.output[0]), node.output[0] in rectifiers)
        for node in _convolutions(model)[1:]
    ]


def _correct_biases(before: ModelProto, after: ModelProto, pictures: Array) -> None:
    """Shift the integer biases of `after`, each layer after those before it."""
    layers = integer_layers(before)
    expected = _channel_means(before, [layer.output for layer in layers], pictures)
    nodes = {node.name: node for node in after.graph.node}
    made_by = {name: node for node in after.graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in after.graph.initializer}
    for layer in layers:
        output = f"{layer.output}_DequantizeLinear_Output"
        if output not in made_by:  # what leaves the graph keeps its name
            output = layer.output
        found = _channel_means(after, [output], pictures)[output]
        missing = expected[layer.output].mean - found.mean
        if layer.rectified:
            missing /= np.maximum(found.active, _RARELY_ACTIVE)
        bias = made_by[nodes[layer.name].input[2]]  # a DequantizeLinear of int32, its scale the second input
        steps = missing / numpy_helper.to_array(constants[bias.input[1]])
        values = numpy_helper.to_array(constants[bias.input[0]]) + np.round(steps).astype(np.int32)
        constants[bias.input[0]].CopyFrom(numpy_helper.from_array(values, bias.input[0]))


@dataclass(frozen=True, slots=True, eq=False)
class _Means:
    mean: NDArray[np.float64]
    """(channels,)."""
    active: NDArray[np.float64]
    """(channels,): the share of positive values."""


def _channel_means(model: ModelProto, tensors: Sequence[str], pictures: Array) -> dict[str, _Means]:
    """Means over pictures and positions of tensors (batch, channels, height, width)."""
    shown = copy.deepcopy(model)
    present = {value.name for value in shown.graph.output}
    shown.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in tensors if name not in present
    )
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    name = shown.graph.input[0].name
    sums: dict[str, Any] = {}
    for batch in _batched(pictures):
        for tensor, value in zip(tensors, session.run(list(tensors), {name: batch}), strict=True):
            part = np.stack([value.mean(axis=(2, 3)), (value > 0).mean(axis=(2, 3))]).sum(axis=1)
            sums[tensor] = sums.get(tensor, 0.0) + part / len(pictures)
    return {tensor: _Means(*np.asarray(value, dtype=np.float64)) for tensor, value in sums.items()}


def _convolutions(model: ModelProto) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


def _batched(pictures: Array) -> Iterator[Array]:
    return (pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH))


class _Batches(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Pictures in the form that ONNX Runtime asks for."""

    def __init__(self, name: str, pictures: Array) -> None:
        self._feeds = ({name: batch} for batch in _batched(pictures))

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self._feeds, None)


class _quiet:  # noqa: N801 -- reads as a verb where it is used
    """Hold back the warnings of onnxruntime.quantization, which go to the root logger."""

    def __enter__(self) -> None:
        self._level = logging.root.level
        logging.root.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.root.setLevel(self._level)
