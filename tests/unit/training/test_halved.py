"""Both halves are trained at once: the branch by every picture, the second half by those that need it."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch.nn import functional

from benchmarks.apps.eager import EagerArtifact
from fashion.classifier import Classifier
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_runs import fitted
from training.answers import as_network_inputs
from training.export import export_run
from training.halved import HalvedSettings, HalvedSystem
from training.halving import with_early_exit
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, SecondHalfSettings
from training.quantise import quantise
from training.recipes import find_recipe
from training.runs import RunFolder
from training.sources import load_pictures
from training.systems import Batch

SPLIT = tiny_split()
TOLD = Console(file=StringIO())
SIZE = ResidualSettings(width=4, downsampling="stride")
BRANCH = BranchSettings(3, 6)
SETTINGS = HalvedSettings(SIZE, BRANCH, SecondHalfSettings((4, 6)))
RECIPE = replace(
    find_recipe("classifier-halved"),
    system=SETTINGS,
    optimisation=replace(
        find_recipe("classifier-halved").optimisation,
        epochs=6,
        batch_size=32,
        learning_rate=2e-2,
        average_decay=0.9,
    ),
    joins={},
)


def pictures(count: int) -> Batch:
    _, validation = load_pictures(RECIPE, SPLIT)
    (batch, *_) = validation.head(count).in_order()
    return batch


def built(settings: HalvedSettings = SETTINGS) -> HalvedSystem:
    torch.manual_seed(0)
    return settings.build()


def certainties(system: HalvedSystem, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return system.network.first(batch.images).said.logits.softmax(dim=1).amax(dim=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained one: read it, do not change it."""
    return fitted(RECIPE, SPLIT, tmp_path_factory.mktemp("runs") / "run")


def test_both_halves_learn(run: RunFolder) -> None:
    batch = pictures(200)
    nats = []
    for system in (built().eval(), run.load_system().eval()):
        assert isinstance(system, HalvedSystem)
        with torch.no_grad():
            half = system.network.first(batch.images)
            answers = (half.said.logits, system.network(batch.images).logits)
        nats.append([float(functional.cross_entropy(logits, batch.labels)) for logits in answers])
    for fresh, trained in zip(*nats, strict=True):
        assert trained < 0.8 * fresh


def test_the_second_half_hears_hard_pictures_alone_and_the_branch_all() -> None:
    batch = pictures(60)
    middle = certainties(built(), batch).median().item()
    settings = replace(SETTINGS, sure=middle, easy_kept=0.0, branch_weight=0.5, label_smoothing=0.2)
    system = built(settings)
    hard = certainties(system, batch) < middle
    hard[0] = True

    terms = system.training_terms(batch, 0.0)

    with torch.no_grad():
        half = system.network.first(batch.images)
        logits = system.network.second(half.maps[hard]).logits
    targets = 0.8 * batch.targets + 0.02
    deep = functional.cross_entropy(logits, targets[hard])
    early = functional.cross_entropy(half.said.logits, targets)
    torch.testing.assert_close(terms["total"], deep + 0.5 * early, rtol=1e-3, atol=1e-4)
    assert float(terms["learned_from"]) == pytest.approx(hard.float().mean().item())


@pytest.mark.parametrize(
    ("sure", "easy_kept", "expected"), [(0.0, 0.0, 1 / 40), (0.0, 0.5, 0.5), (0.0, 1.0, 1), (1.0, 0.0, 1)]
)
def test_a_few_easy_pictures_are_kept(sure: float, easy_kept: float, expected: float) -> None:
    system = built(replace(SETTINGS, sure=sure, easy_kept=easy_kept))
    tolerance = 0.3 if easy_kept == 0.5 else 1e-6
    terms = system.training_terms(pictures(40), 0.0)
    assert float(terms["learned_from"]) == pytest.approx(expected, abs=tolerance)


def test_no_more_than_the_hardest_are_learned_from() -> None:
    batch = pictures(40)
    system = built(replace(SETTINGS, sure=1.0, hardest=0.25, easy_kept=0.0))
    hardest = certainties(system, batch).argsort()[:10]
    expected = set(hardest.tolist()) | {0}  # the first of a batch always is

    terms = system.training_terms(batch, 0.0)

    assert float(terms["learned_from"]) == pytest.approx(len(expected) / 40)
    with torch.no_grad():
        half = system.network.first(batch.images)
        logits = system.network.second(half.maps[sorted(expected)]).logits
    wrong = (logits.argmax(dim=1) != batch.labels[sorted(expected)]).float().mean()
    assert terms["error"] == wrong


@pytest.mark.parametrize(
    ("branch_weight", "moved"), [(0.0, {"beginning", "second"}), (1.0, {"beginning", "branch", "second"})]
)
def test_the_first_half_serves_both(branch_weight: float, moved: set[str]) -> None:
    system = built(replace(SETTINGS, branch_weight=branch_weight))
    system.training_terms(pictures(40), 0.0)["total"].backward()
    found = {
        name.split(".")[0]
        for name, parameter in system.network.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().max() > 0
    }
    assert found == moved


def test_each_picture_is_judged_by_the_half_that_answers_it() -> None:
    batch = pictures(100)
    everyone, nobody = (built(replace(SETTINGS, sure=sure)).eval() for sure in (0.0, 1.0))
    with torch.no_grad():
        for system in (everyone, nobody):
            system.network.head.bias[3] += 1e3  # the second half says nothing else
        early = everyone.network.first(batch.images).said.logits.argmax(dim=1)
        terms = everyone.validation_terms(batch)
        assert terms["error"] == terms["branch_error"] == (early != batch.labels).float().mean()
        assert nobody.validation_terms(batch)["error"] == (batch.labels != 3).float().mean()


def test_it_is_served_in_two_halves_whose_maps_explain_the_second(run: RunFolder, tmp_path: Path) -> None:
    cut = with_early_exit(export_run(run, tmp_path / "artifact"), SPLIT, TOLD)
    images = SPLIT.calibration.images[:30]
    (maps,) = cut.graphs["classifier"](images, outputs=["stem_maps"])
    logits, feature_maps = cut.graphs["deep_classifier"](maps)
    (activation_maps,) = cut.graphs["explainer"](feature_maps)

    system = run.load_system().eval()
    assert isinstance(system, HalvedSystem)
    with torch.no_grad():
        expected = system.network(torch.tensor(images) / 255).logits.numpy()
        bias = system.network.head.bias.numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(activation_maps.mean(axis=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-4)


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
