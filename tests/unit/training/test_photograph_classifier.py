"""The network for photographs: its objective, the run that trains it, and the artifact that it joins."""

import json
import shutil
from io import StringIO

import numpy as np
import pytest
import torch
from rich.console import Console

from fashion.artifact import open_artifact
from fashion.classifier import Classifier
from fashion.decoding import decode
from fashion.errors import DatasetError, InvalidValue
from fashion.labels import LABELS
from fashion.preparation import Prepared, prepare
from tests.unit.training.test_fitting import StopAt, figures
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_photographs import TINY_PHOTOGRAPHS, tiny_photographs
from training.answers import answers_to_photographs
from training.border import border_distance
from training.finishing import export, finish
from training.fitting import Interrupted, fit
from training.machine import Machine
from training.networks.classifiers import folded, num_parameters
from training.networks.photographs import (
    PhotographClassifier,
    PhotographNetworkSettings,
)
from training.photograph_batches import FOOTWEAR_ANSWER, Views
from training.photograph_classifying import answer_log_probabilities, is_right
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder, RunSettings
from training.sources import load_pictures
from training.training_run import TrainRequest, train

MACHINE = Machine.choose("cpu", "fp32", threads=1)
SPLIT = tiny_split()
QUIET = Console(file=StringIO())
COLOURS_STAY = ("colour=0", "new_background=0", "mixup=0", "cutmix=0", "erase=0", "pretraining=0.1")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return tiny_photographs(tmp_path_factory.mktemp("tiny") / "photographs")


@pytest.fixture(scope="module")
def photograph_run(tmp_path_factory, photographs):
    """A run that ended: read it, do not change it."""
    recipe = with_overrides(
        find_recipe("photograph-classifier"), [*TINY_PHOTOGRAPHS, *COLOURS_STAY, "epochs=16"]
    )
    request = TrainRequest(recipe, MACHINE, tmp_path_factory.mktemp("runs") / "photographs")
    return train(request, SPLIT, photographs, QUIET)


@pytest.fixture(scope="module")
def joined(tmp_path_factory, trained_run, photograph_run, photographs):
    """The artifact of both runs: read it, do not change it."""
    folder = tmp_path_factory.mktemp("joined") / "run"
    shutil.copytree(trained_run.path, folder)
    return finish(RunFolder(folder), SPLIT, photographs, QUIET, joined=photograph_run)


def run(path, photographs, *, seed=0, resume=False, callbacks=()):
    recipe = with_overrides(find_recipe("photograph-classifier"), [*TINY_PHOTOGRAPHS, "epochs=3"])
    settings = RunSettings.of(recipe, seed=seed, precision="fp32")
    folder = (RunFolder.resume if resume else RunFolder.start)(path, settings)
    training, validation = load_pictures(recipe, SPLIT, photographs)
    return folder, fit(
        recipe,
        training,
        validation,
        folder,
        seed=seed,
        machine=MACHINE,
        resume=resume,
        callbacks=callbacks,
    )


def test_of_footwear_the_probabilities_of_its_three_labels_are_added_up():
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    probabilities = logits.softmax(dim=1)

    answers = answer_log_probabilities(logits)

    torch.testing.assert_close(answers[:, :10].exp(), probabilities)
    shoes = [LABELS.index(label) for label in ("Sandal", "Sneaker", "Ankle boot")]
    torch.testing.assert_close(answers[:, FOOTWEAR_ANSWER].exp(), probabilities[:, shoes].sum(dim=1))


def test_any_kind_of_shoe_is_right_for_footwear_and_nothing_else_is():
    logits = torch.eye(10)

    right = is_right(logits, torch.full((10,), FOOTWEAR_ANSWER))

    assert [LABELS[index] for index in torch.nonzero(right).flatten()] == ["Sandal", "Sneaker", "Ankle boot"]
    assert is_right(logits, torch.arange(10)).all()
    assert not is_right(logits, torch.arange(10).roll(1)).any()


def test_a_plain_border_is_near_to_itself_and_a_garment_far_from_it():
    views = torch.full((1, 3, 32, 32), 0.4)
    views[:, 0, 10:22, 10:22] = 0.9

    distance = border_distance(views)[0, 0]

    assert float(distance[:5].max()) == pytest.approx(0, abs=1e-4)
    assert float(distance[10:22, 10:22].min()) > 3


def test_folding_the_norms_changes_no_answer():
    torch.manual_seed(0)
    network = PhotographClassifier(PhotographNetworkSettings(view_side=32, blocks=2))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.get_buffer("running_mean").uniform_(-1, 1)
            module.get_buffer("running_var").uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
    views = torch.rand(2, 3, 32, 32)

    small = folded(network)

    torch.testing.assert_close(small(views).logits, network.eval()(views).logits)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in small.modules())


def test_a_tiny_network_learns_photographs_of_senders_that_it_never_saw(photograph_run):
    history = json.loads(photograph_run.history_file.read_text())

    assert min(row["validation/error"] for row in history) < 0.3
    assert history[-1]["validation/total"] < history[0]["validation/total"]


def test_a_run_by_itself_leaves_no_artifact(photograph_run):
    assert photograph_run.best_checkpoint.exists()
    assert not photograph_run.artifact.exists()


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path, photographs):
    first, second, other = (
        run(tmp_path / name, photographs, seed=seed)[1] for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )

    assert figures(first) == figures(second)
    assert figures(first) != figures(other)


def test_a_run_that_was_interrupted_ends_exactly_like_one_that_was_not(tmp_path, photographs):
    whole_folder, whole = run(tmp_path / "whole", photographs)

    with pytest.raises(Interrupted):
        run(tmp_path / "parts", photographs, callbacks=[StopAt(15)])  # ten steps an epoch
    folder, resumed = run(tmp_path / "parts", photographs, resume=True)

    assert figures(resumed) == figures(whole)
    for ours, theirs in zip(
        folder.load_system().parameters(), whole_folder.load_system().parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_two_runs_make_one_artifact_that_answers_for_both_kinds_of_picture(
    joined, photograph_run, trained_run, photographs
):
    manifest, classifier = joined.manifest, Classifier(joined)

    assert classifier.view_side == 32
    assert set(manifest.graphs) == {
        "classifier",
        "explainer",
        "photograph_classifier",
        "photograph_explainer",
    }
    assert manifest.num_parameters == sum(
        num_parameters(folder.load_system()) for folder in (trained_run, photograph_run)
    )
    assert manifest.recipe.settings["photographs"]["recipe"] == "photograph-classifier"
    assert manifest.recipe.settings["photographs"]["system"]["network"]["view_side"] == 32
    assert "photographs.csv" in manifest.data
    assert "validation_photograph_error" in manifest.metrics
    assert set(manifest.calibration) == {"network_input", "photograph"}
    answers = answers_to_photographs(classifier, photographs.validation)
    rows = np.arange(len(answers))
    assert answers.acceptable[rows, answers.logits.argmax(axis=1)].mean() > 0.7
    joined.check_probe()


def test_the_map_of_a_photograph_adds_up_to_its_logits(joined, photographs):
    views = Views.of(photographs.validation[:6], 32).views.numpy()

    logits, _, feature_maps = joined.graphs["photograph_classifier"](views)
    (maps,) = joined.graphs["photograph_explainer"](feature_maps)

    biases = logits - maps.mean(axis=(2, 3))  # what the maps leave out is the same for every picture
    np.testing.assert_allclose(biases, np.broadcast_to(biases[:1], biases.shape), atol=1e-3)
    assert float(np.abs(logits - logits[:1]).max()) > 0.1


def test_a_photograph_is_explained_by_the_network_of_its_own(joined, photographs):
    picture = prepare(
        decode(photographs.validation[2].path.read_bytes(), target_side=128), "photograph", view_side=32
    )

    ((prediction, heat),) = Classifier(joined).explain([picture])

    assert prediction.prepared_as == "photograph"
    assert heat is not None
    assert heat.shape == (28, 28)


def test_network_inputs_are_answered_as_before_the_join(joined, trained_run):
    images = [Prepared(image, "network_input") for image in SPLIT.validation.images[:20]]
    alone = Classifier(open_artifact(trained_run.artifact))

    for ours, theirs in zip(Classifier(joined).outputs(images), alone.outputs(images), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_runs_that_do_not_belong_together_are_refused_and_the_artifact_stays(own_run, photograph_run):
    with pytest.raises(InvalidValue, match="name the run of a classifier, and this one behind --photographs"):
        export(photograph_run)
    with pytest.raises(InvalidValue, match="Expected a classifier's run and one of photograph-classifier"):
        export(own_run, own_run)

    assert own_run.artifact.is_dir()


def test_without_photographs_the_error_says_where_to_get_them_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_PHOTOS_DIR", raising=False)
    request = TrainRequest(find_recipe("photograph-classifier"), MACHINE, tmp_path / "run")

    with pytest.raises(DatasetError, match="set FASHION_PHOTOS_DIR"):
        train(request, SPLIT, None, QUIET)

    assert not (tmp_path / "run").exists()
