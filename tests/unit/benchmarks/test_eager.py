"""The torch peer's weights: out of a plain graph, and out of one that ONNX Runtime has quantised."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from benchmarks.apps.eager import load_weights


class Network(torch.nn.Module):
    """A convolution and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 3)

    def forward(self, images):
        return self.head(self.body(images).mean(dim=(2, 3)))


class Samples(CalibrationDataReader):
    """A few random pictures."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._left = [{"images": random.random((2, 1, 8, 8), dtype=np.float32)} for _ in range(4)]

    def get_next(self):
        return self._left.pop() if self._left else None


@pytest.fixture
def trained():
    torch.manual_seed(0)
    return Network().eval()


@pytest.fixture
def plain(trained, tmp_path):
    path = tmp_path / "plain.onnx"
    weights = {name: value.numpy() for name, value in trained.state_dict().items()}
    nodes = [
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
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_a_plain_graph_gives_its_very_weights_back(trained, plain):
    loaded = load_weights(Network(), onnx.load(plain).graph)
    for name, value in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.mark.parametrize("per_channel", [True, False])
def test_a_quantised_graph_gives_weights_that_answer_as_it_does(plain, tmp_path, per_channel):
    quantised = tmp_path / "quantised.onnx"
    quantize_static(
        plain,
        quantised,
        Samples(),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        weight_type=QuantType.QInt8,
    )
    graph = onnx.load(quantised).graph
    assert "body.0.weight" not in {tensor.name for tensor in graph.initializer}
    network = load_weights(Network(), graph).eval()
    images = np.random.default_rng(1).random((5, 1, 8, 8), dtype=np.float32)
    (expected,) = ort.InferenceSession(quantised).run(None, {"images": images})
    with torch.no_grad():
        assert network(torch.from_numpy(images)).numpy() == pytest.approx(expected, abs=0.02)


def test_a_graph_of_another_network_is_refused(plain):
    graph = onnx.load(plain).graph
    graph.initializer.remove(next(tensor for tensor in graph.initializer if tensor.name == "head.bias"))
    with pytest.raises(LookupError, match=r"no weights head\.bias"):
        load_weights(Network(), graph)
