from io import StringIO

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from rich.console import Console

from fashion.artifact import open_artifact
from tests.unit.training.tiny_data import stripes, tiny_split
from training.figures.layers import layers_of
from training.quantise import cost_points, quantise


@pytest.fixture
def integer_artifact(own_run):
    """The tiny classifier in eight-bit integers, whatever that costs."""
    artifact = open_artifact(own_run.artifact)
    return quantise(artifact, tiny_split(), None, Console(file=StringIO()), max_cost_points=100)


def test_an_integer_graph_answers_nearly_as_the_float_graph_did(trained_run, integer_artifact):
    images = stripes(200, seed=5).images
    integers, floats = (
        artifact.graphs["classifier"](images, outputs=["logits"])[0]
        for artifact in (integer_artifact, open_artifact(trained_run.artifact))
    )

    assert (integers.argmax(axis=1) == floats.argmax(axis=1)).mean() > 0.97
    assert np.abs(integers - floats).mean() < 0.1 * floats.std()
    assert not np.array_equal(integers, floats)


def test_an_integer_graph_has_the_layers_of_the_float_graph(trained_run, integer_artifact):
    """Its weights are integers that become floats on the way: they are weights, and no way from the input."""
    integers, floats = (
        layers_of(artifact, "classifier", stripes(3).images)
        for artifact in (integer_artifact, open_artifact(trained_run.artifact))
    )

    weighted = [
        [(layer.name, layer.num_parameters) for layer in layers if layer.num_parameters]
        for layers in (integers, floats)
    ]
    assert weighted[0] == weighted[1]
    from_the_input = [sum(-1 in layer.sources for layer in layers) for layers in (integers, floats)]
    assert from_the_input == [1, 1]


def test_what_the_manifest_says_of_it_was_measured(integer_artifact):
    made = integer_artifact.manifest.graphs["classifier"].quantisation

    assert made is not None
    assert made.pictures == 320
    assert cost_points(made) == pytest.approx(0, abs=3)
    integer_artifact.check_probe()


def test_logits_still_are_what_the_activation_maps_say(integer_artifact):
    logits, _, maps, _ = integer_artifact.graphs["classifier"](stripes(4).images)
    (activation,) = integer_artifact.graphs["explainer"](maps)

    differences = logits - activation.mean(axis=(2, 3))

    np.testing.assert_allclose(differences, np.tile(differences[0], (4, 1)), atol=1e-4)  # the head's bias


def test_no_processor_can_overflow_sixteen_bits_on_its_weights(integer_artifact):
    model = onnx.load(integer_artifact.folder / "classifier.onnx")
    tensors = [numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    weights = [tensor for tensor in tensors if tensor.dtype == np.int8 and tensor.ndim == 4]

    assert weights
    assert max(2 * 255 * np.abs(tensor.astype(int)).max() for tensor in weights) < 2**15


def test_a_network_that_would_lose_too_much_stays_in_float(own_run):
    told = StringIO()
    before = open_artifact(own_run.artifact)

    after = quantise(before, tiny_split(), None, Console(file=told), max_cost_points=-101)

    assert after.sha256 == before.sha256
    assert "left in float" in told.getvalue()
