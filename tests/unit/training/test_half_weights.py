"""Weights that are stored in half precision: half the bytes, and not one number changed by storing them."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from training.export import export_graph
from training.half_weights import SUFFIX, rounded
from training.systems import ExportGraph


def graph(*, half_weights):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    return ExportGraph(
        "tiny", network, (torch.randn(3, 32),), ("rows",), ("logits",), half_weights=half_weights
    )


@pytest.fixture(scope="module")
def stored():
    return export_graph(graph(half_weights=True))


def test_the_large_weights_take_half_the_bytes_and_the_small_ones_stay(stored):
    kept = {
        tensor.name: tensor.data_type for tensor in onnx.load_from_string(stored.content).graph.initializer
    }

    halves = {name for name, kind in kept.items() if kind == onnx.TensorProto.FLOAT16}
    assert halves == {f"0.weight{SUFFIX}", f"2.weight{SUFFIX}"}
    assert len(stored.content) < 0.7 * len(export_graph(graph(half_weights=False)).content)


def test_the_graph_computes_in_32_bits_what_torch_does_with_the_rounded_weights(stored):
    session = onnxruntime.InferenceSession(stored.content, providers=["CPUExecutionProvider"])

    (logits,) = session.run(["logits"], {"rows": stored.inputs[0]})

    wanted = rounded(graph(half_weights=True).module)(torch.from_numpy(stored.inputs[0])).detach().numpy()
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, wanted, atol=1e-6)
    np.testing.assert_allclose(stored.outputs[0], wanted, atol=1e-6)


def test_rounding_leaves_the_network_that_is_trained_alone():
    network = graph(half_weights=True).module
    weight = network.get_parameter("0.weight").detach()
    before = weight.clone()

    changed = rounded(network).get_parameter("0.weight").detach()

    assert torch.equal(weight, before)
    assert 0 < float((changed - before).abs().max()) < 1e-3
