"""A larger second half learns from the pictures that the branch is unsure of; what comes before it stays."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.apps.eager import EagerArtifact
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import tiny_split
from training.answers import as_network_inputs
from training.classifying import START
from training.deepening import DEEPENED, DeepenedSettings, DeepenedSystem
from training.early_exiting import EarlyExitSettings, EarlyExitSystem
from training.export import export_run
from training.fitting import fit
from training.halving import with_early_exit
from training.machine import Machine
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, SecondHalfSettings
from training.quantise import quantise
from training.recipes import find_recipe
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings
from training.sources import load_pictures

SPLIT = tiny_split()
TOLD = Console(file=StringIO())
SIZE = ResidualSettings(width=4, doublings=1, downsampling="stride")  # that of the tiny trained run
BRANCH = BranchSettings(3, 6)
SETTINGS = DeepenedSettings(SIZE, BRANCH, SecondHalfSettings((4, 6)))


def tiny(recipe: Recipe) -> Recipe:
    optimisation = replace(
        recipe.optimisation, epochs=4, batch_size=32, learning_rate=2e-2, average_decay=0.9
    )
    return replace(recipe, system=SETTINGS, optimisation=optimisation)


RECIPE = tiny(find_recipe("classifier-deepened"))


@pytest.fixture(scope="module")
def branched(trained_run: RunFolder) -> EarlyExitSystem:
    """The tiny run with a branch, which has seen nothing yet: read it, do not change it."""
    torch.manual_seed(0)
    system = EarlyExitSettings(SIZE, BRANCH).build()
    system.build_on({START: trained_run.load_system()})
    # As after training: its norms have statistics of their own.
    for layer in system.network.branch.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean = torch.linspace(-0.1, 0.1, layer.num_features)
            layer.running_var = torch.linspace(0.5, 2, layer.num_features)
    return system.eval()


@pytest.fixture(scope="module")
def run(branched: EarlyExitSystem, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained second half: read it, do not change it."""
    settings = RunSettings.of(RECIPE, seed=0, precision="fp32")
    folder = RunFolder.start(tmp_path_factory.mktemp("runs") / "run", settings)
    training, validation = load_pictures(RECIPE, SPLIT)
    machine = Machine.choose("cpu", "fp32", threads=1)
    fit(RECIPE, training, validation, folder, seed=0, machine=machine, foundations={START: branched})
    return folder


def built(branched: EarlyExitSystem, **changes: float) -> DeepenedSystem:
    torch.manual_seed(0)
    system = replace(SETTINGS, **changes).build()  # type: ignore[arg-type]  # numbers, each of its own range
    system.build_on({START: branched})
    return system


def test_what_comes_before_stays_as_it_was(run: RunFolder, branched: EarlyExitSystem) -> None:
    system = run.load_system()
    assert isinstance(system, DeepenedSystem)
    images = torch.rand(5, 28, 28)
    with torch.no_grad():
        found, expected = system.eval().network.first(images), branched.network.first(images)
    torch.testing.assert_close(found.said, expected.said, rtol=0, atol=0)
    torch.testing.assert_close(found.maps, expected.maps, rtol=0, atol=0)


def test_the_second_half_learns(run: RunFolder, branched: EarlyExitSystem) -> None:
    _, validation = load_pictures(RECIPE, SPLIT)
    batch = next(iter(validation.in_order()))
    system = run.load_system().eval()
    assert isinstance(system, DeepenedSystem)
    fresh = built(branched).eval()
    with torch.no_grad():
        before, after = (
            float(torch.nn.functional.cross_entropy(each.network(batch.images).logits, batch.labels))
            for each in (fresh, system)
        )
    assert after < 0.8 * before


@pytest.mark.parametrize(
    ("sure", "easy_kept", "expected"), [(0.0, 0.0, 1 / 40), (0.0, 0.5, 0.5), (0.0, 1.0, 1), (1.0, 0.0, 1)]
)
def test_it_learns_from_unsure_pictures_and_a_few_others(
    branched: EarlyExitSystem, sure: float, easy_kept: float, expected: float
) -> None:
    _, validation = load_pictures(RECIPE, SPLIT)
    (batch, *_) = validation.head(40).in_order()
    terms = built(branched, sure=sure, easy_kept=easy_kept).training_terms(batch, 0.0)
    tolerance = 0.3 if easy_kept == 0.5 else 1e-6
    assert float(terms["learned_from"]) == pytest.approx(expected, abs=tolerance)
    assert torch.isfinite(terms["total"])


def test_pictures_that_leave_have_no_say(branched: EarlyExitSystem) -> None:
    _, validation = load_pictures(RECIPE, SPLIT)
    (batch, *_) = validation.head(60).in_order()
    with torch.no_grad():
        certainties = branched.network.first(batch.images).said.logits.softmax(dim=1).amax(dim=1)
    middle = certainties.median().item()
    hard = certainties < middle
    hard[0] = True
    system = built(branched, sure=middle, easy_kept=0.0)

    total = system.training_terms(batch, 0.0)["total"]

    logits = system.network.second(branched.network.first(batch.images[hard]).maps).logits
    alone = torch.nn.functional.cross_entropy(logits, batch.targets[hard])
    torch.testing.assert_close(total, alone, rtol=1e-4, atol=1e-5)


def test_each_picture_is_judged_by_the_half_that_answers_it(branched: EarlyExitSystem) -> None:
    _, validation = load_pictures(RECIPE, SPLIT)
    batch = next(iter(validation.in_order()))
    with torch.no_grad():
        first = branched.network.first(batch.images)
        everyone, nobody = (built(branched, sure=sure).eval() for sure in (0.0, 1.0))
        early = (first.said.logits.argmax(dim=1) != batch.labels).float().mean()
        for system in (everyone, nobody):
            system.network.head.bias[3] += 1e3  # the second half says nothing else
        assert everyone.validation_terms(batch)["error"] == early
        assert nobody.validation_terms(batch)["error"] == (batch.labels != 3).float().mean()


def test_with_another_it_goes_on_from_there_and_learns_what_both_say(
    run: RunFolder, branched: EarlyExitSystem
) -> None:
    deepened = run.load_system()
    assert isinstance(deepened, DeepenedSystem)
    _, validation = load_pictures(RECIPE, SPLIT)
    batch = next(iter(validation.in_order()))
    with torch.no_grad():
        maps = branched.network.first(batch.images).maps
        said = [each.eval().network.second(maps).logits for each in (branched, deepened)]
    both = torch.stack([logits.log_softmax(dim=1) for logits in said]).mean(dim=0).softmax(dim=1)

    for share in (1.0, 0.25):
        torch.manual_seed(0)
        system = replace(SETTINGS, sure=1.0, teachers_share=share).build()
        system.build_on({START: branched, DEEPENED: deepened})
        total = system.eval().training_terms(batch, 0.0)["total"]

        targets = share * both + (1 - share) * batch.targets
        expected = torch.nn.functional.cross_entropy(said[1], targets)  # it starts as the second one ended
        torch.testing.assert_close(total, expected, rtol=1e-3, atol=1e-4)
        assert {name.split(".")[0] for name in system.state_dict()} == {"network"}  # teachers are not kept


@pytest.mark.parametrize("names", [[], ["other"], [START, "other"], [DEEPENED], [START, DEEPENED]])
def test_it_builds_on_one_classifier_with_a_branch(names: list[str], branched: EarlyExitSystem) -> None:
    with pytest.raises(InvalidValue, match="builds on one trained classifier with an early exit, 'start'"):
        SETTINGS.build().build_on(dict.fromkeys(names, branched))


def test_it_builds_on_no_classifier_without_a_branch(trained_run: RunFolder) -> None:
    with pytest.raises(InvalidValue, match="with an early exit"):
        SETTINGS.build().build_on({START: trained_run.load_system()})


def test_it_is_served_in_integers_too(run: RunFolder, tmp_path: Path) -> None:
    whole = quantise(export_run(run, tmp_path / "artifact"), SPLIT, None, TOLD, max_cost_points=100)
    images = SPLIT.calibration.images[:30]
    (expected,) = whole.graphs["classifier"](images, outputs=["logits"])

    cut = with_early_exit(whole, SPLIT, TOLD)

    (maps,) = cut.graphs["classifier"](images, outputs=["stem_maps"])
    assert maps.dtype == np.uint8
    (logits,) = cut.graphs["deep_classifier"](maps, outputs=["logits"])
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)


def test_the_torch_peer_of_the_benchmark_goes_the_same_ways(run: RunFolder, tmp_path: Path) -> None:
    cut = with_early_exit(export_run(run, tmp_path / "artifact"), SPLIT, TOLD)
    eager = EagerArtifact(cut.folder, cut.manifest, cut.sha256)
    pictures = as_network_inputs(SPLIT.validation.images)
    served, in_torch = (Classifier(artifact).outputs(pictures) for artifact in (cut, eager))

    np.testing.assert_allclose(in_torch.logits, served.logits, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(in_torch.left_early, served.left_early)


def test_it_is_served_in_two_halves_whose_maps_explain_the_second(run: RunFolder, tmp_path: Path) -> None:
    cut = with_early_exit(export_run(run, tmp_path / "artifact"), SPLIT, TOLD)
    images = SPLIT.calibration.images[:30]
    (maps,) = cut.graphs["classifier"](images, outputs=["stem_maps"])
    logits, feature_maps = cut.graphs["deep_classifier"](maps)
    (activation_maps,) = cut.graphs["explainer"](feature_maps)

    system = run.load_system().eval()
    with torch.no_grad():
        expected = system.network(torch.tensor(images) / 255).logits.numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    assert isinstance(system, DeepenedSystem)
    bias = system.network.head.bias.detach().numpy()
    np.testing.assert_allclose(activation_maps.mean(axis=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-4)
