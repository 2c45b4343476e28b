"""Weights in sixteen bits where an artifact keeps them, in thirty-two where the engine computes.

A network's weights are rounded to half precision before it is exported, so that what is stored loses nothing
more: the probe, and what torch and the engine are compared by, come from the rounded ones. The engine turns
them into float32 once, when it loads the graph, and computes as fast as ever.
"""

import copy
from typing import Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

SUFFIX: Final = "_half"
"""What a stored tensor's name ends with, beside the name that the graph knows it by."""

_WORTH_IT: Final = 256  # numbers; scales and short biases stay as they are


def rounded(module: nn.Module) -> nn.Module:
    """A copy whose large parameters have the nearest values that half precision knows."""
    module = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() >= _WORTH_IT:
                parameter.copy_(parameter.half().float())
    return module


def stored_in_half(content: bytes) -> bytes:
    """An ONNX graph whose large float32 constants are kept in half precision, where that changes none."""
    model = onnx.load_from_string(content)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _WORTH_IT:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + SUFFIX))
        casts.append(helper.make_node("Cast", [name + SUFFIX], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    stored: bytes = model.SerializeToString()
    return stored
