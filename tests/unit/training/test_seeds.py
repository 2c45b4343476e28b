import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.models import load_model
from tests.unit.training.tiny_data import stripes, tiny_split
from training.answers import as_network_inputs
from training.machine import Machine
from training.networks.classifiers import num_parameters
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.seeds import SEEDS
from training.runs import RunFolder
from training.seed_table import row_of, seed_table
from training.systems import System
from training.training_run import TrainRequest, train

TINY = {
    "ms-robot": ("hidden=[8]", "epochs=2"),
    "conv-autoencoder": ("outer_channels=2", "inner_channels=2", "code_units=4", "epochs=2"),
    "dense-vae": ("hidden=[8]", "latent_size=6", "epochs=2"),
    "mlp": ("hidden=8", "epochs=2"),
    "cnn": ("width=2", "epochs=2"),
}
MACHINE = Machine("cpu", "fp32")


def build(recipe: str, *overrides: str) -> System:
    return with_overrides(find_recipe(recipe), overrides).system.build()


def batch_of(count: int = 8):
    dataset = stripes(count)
    from training.augmentation import plain

    return plain(torch.tensor(dataset.images), torch.tensor(dataset.labels))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, RunFolder]:
    """Every text's system, made tiny, through the one code path."""
    folder = tmp_path_factory.mktemp("seeds")
    made = {}
    for name, overrides in TINY.items():
        request = TrainRequest(with_overrides(find_recipe(name), overrides), MACHINE, folder / name)
        made[name] = train(request, tiny_split(), None, Console(file=StringIO()))
    return made


def test_every_text_has_a_recipe_that_can_be_found_by_name():
    assert list(SEEDS) == list(TINY)
    assert all(find_recipe(name).source.startswith("seed 00") for name in SEEDS)


@pytest.mark.parametrize("name", TINY)
def test_a_texts_system_becomes_an_artifact_that_the_service_can_answer_from(runs, name):
    model = load_model(runs[name].artifact)
    images = stripes(4).images

    assert model.artifact.manifest.name == name
    if isinstance(model, Classifier):
        predictions = model.classify(as_network_inputs(images))
        assert [round(float(made.probabilities.sum()), 6) for made in predictions] == [1.0] * 4
    else:
        assert model.reconstruct(images).images.shape == (4, 28, 28)


@pytest.mark.parametrize(("name", "variational"), [("ms-robot", True), ("conv-autoencoder", False)])
def test_only_a_variational_system_gives_variances(runs, name, variational):
    model = load_model(runs[name].artifact)

    assert isinstance(model, Autoencoder)
    assert (model.encode(stripes(2).images).log_variance is not None) == variational
    assert model.latent_size == 2


def test_ms_robot_generates_from_its_prior(runs):
    model = load_model(runs["ms-robot"].artifact)

    assert isinstance(model, Autoencoder)
    assert np.array_equal(model.generate(3, seed=1).images, model.generate(3, seed=1).images)


def test_the_networks_have_the_sizes_of_the_texts():
    assert num_parameters(build("mlp")) == 784 * 128 + 128 + 128 * 10 + 10
    # Convolutions of 32, 16, 64 and 2 kernels, and the same back again.
    assert (
        num_parameters(build("conv-autoencoder")) == 832 + 4_624 + 50_240 + 130 + 192 + 50_192 + 4_640 + 801
    )
    assert build("dense-vae").latent_size == 128
    assert build("ms-robot").latent_size == 2


def test_a_logit_of_the_cnn_is_the_mean_of_its_class_activation_map_and_the_bias():
    system = build("cnn", "width=2").eval()
    graphs = {graph.name: graph for graph in system.graphs()}
    images = torch.tensor(stripes(3).images)
    with torch.no_grad():
        logits, _, maps = graphs["classifier"].module(images)
        evidence = graphs["explainer"].module(maps)

    head = system.network.get_submodule("head")
    assert torch.allclose(evidence.mean(dim=(2, 3)) + head.get_parameter("bias"), logits, atol=1e-5)


def test_the_dense_classifier_has_no_class_activation_maps(runs):
    model = load_model(runs["mlp"].artifact)

    assert isinstance(model, Classifier)
    assert [heat for _, heat in model.explain(as_network_inputs(stripes(2).images))] == [None, None]


@pytest.mark.parametrize(("loss", "term"), [("bce", "reconstruction_nats"), ("mse", "squared_error")])
def test_either_loss_of_ms_robot_is_what_is_lost_and_the_divergence(loss, term):
    terms = build("ms-robot", f"loss={loss}").training_terms(batch_of(), 0.0)

    assert torch.isclose(terms["total"], terms[term] + terms["kl_nats"])


def test_the_l1_option_adds_the_weighed_size_of_the_code_to_the_objective():
    torch.manual_seed(0)
    terms = build("conv-autoencoder", "l1=0.5").training_terms(batch_of(), 0.0)

    assert torch.isclose(terms["total"], terms["mean_squared_error"] + 0.5 * terms["code_mean"])
    assert terms["code_mean"] > 0


@pytest.mark.parametrize("name", ["mlp", "cnn", "conv-autoencoder"])
def test_dropout_acts_in_training_alone(name):
    system = build(name, "dropout=0.5")
    batch = batch_of()

    system.train()
    assert system.training_terms(batch, 0.0)["total"] != system.training_terms(batch, 0.0)["total"]
    system.eval()
    assert system.validation_terms(batch)["total"] == system.validation_terms(batch)["total"]


@pytest.mark.parametrize("name", TINY)
def test_every_recipe_has_a_row_in_the_table_with_the_texts_figure(runs, name):
    row = row_of(runs[name], SEEDS[name](), stripes(40))

    assert row.recipe == name
    assert row.seconds == json.loads(Path(runs[name].summary_file).read_text())["seconds"]
    assert any(digit.isdigit() for digit in row.ours)
    assert seed_table([row]).row_count == 1
