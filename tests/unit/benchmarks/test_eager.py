"""The torch peer's weights: out of a plain graph, and out of one quantised as ONNX Runtime does it."""

import numpy as np
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from benchmarks.apps.eager import load_weights


class Network(torch.nn.Module):
    """A convolution and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 3)

    def forward(self, images):
        return self.head(self.body(images).mean(dim=(2, 3)))


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return Network().eval()


def tiny_graph(constants, before=()):
    """The network as a graph: `before` are nodes that make its weights out of the constants."""
    nodes = [
        *before,
        helper.make_node("Conv", ["images", "body.0.weight", "body.0.bias"], ["maps"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def quantised_graph(weights, *, per_channel):
    """The same with int8 weights and int32 biases, under the names that ONNX Runtime's quantiser gives."""
    constants, nodes = {}, []
    for name, value in weights.items():
        others = tuple(range(1, value.ndim))
        is_bias = not others
        bits = 20 if is_bias else 7
        largest = np.abs(value).max(axis=others, keepdims=True) if per_channel else np.abs(value).max()
        scale = np.float32(largest / (2**bits - 1))
        kind = np.int32 if is_bias else np.int8
        scales = f"{name}_quantized_scale" if is_bias else f"{name}_scale"
        constants[scales] = scale.reshape(-1) if per_channel else scale
        constants[f"{name}_zero_point"] = np.zeros_like(constants[scales], dtype=kind)
        constants[f"{name}_quantized"] = np.rint(value / scale).astype(kind)
        inputs = [f"{name}_quantized", scales, f"{name}_zero_point"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
    return tiny_graph(constants, nodes)


def weights_of(network):
    return {name: value.numpy() for name, value in network.state_dict().items()}


def test_a_plain_graph_gives_its_very_weights_back(trained):
    loaded = load_weights(Network(), tiny_graph(weights_of(trained)).graph)
    for name, value in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_quantised_graph_gives_weights_that_answer_as_it_does(trained, per_channel):
    quantised = quantised_graph(weights_of(trained), per_channel=per_channel)
    network = Network().eval()
    load_weights(network, quantised.graph)
    images = np.random.default_rng(1).random((5, 1, 8, 8), dtype=np.float32)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    (expected,) = ort.InferenceSession(quantised.SerializeToString(), options).run(None, {"images": images})
    with torch.no_grad():
        assert network(torch.from_numpy(images)).numpy() == pytest.approx(expected, abs=1e-5)
    assert not torch.equal(network.head.weight, trained.head.weight)


def test_a_graph_of_another_network_is_refused(trained):
    weights = weights_of(trained)
    graph = tiny_graph(weights).graph
    graph.initializer.remove(next(tensor for tensor in graph.initializer if tensor.name == "head.bias"))
    with pytest.raises(LookupError, match=r"no weights head\.bias"):
        load_weights(Network(), graph)
