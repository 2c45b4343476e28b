"""The branch of a classifier that was trained in halves goes on learning, and nothing else does."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch.nn import functional

from fashion.classifier import Classifier
from tests.unit.training.test_halved import BRANCH, SETTINGS, SIZE, pictures
from tests.unit.training.test_halved import RECIPE as HALVED
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_runs import fitted
from training.answers import as_network_inputs
from training.classifying import START
from training.early_exiting import EarlyExitSystem, TaughtBranchSettings
from training.export import export_run
from training.halved import HalvedSystem
from training.halving import with_early_exit
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder

SPLIT = tiny_split()
RECIPE = replace(
    with_overrides(
        find_recipe("classifier-four-courses"),
        ["epochs=4", "batch_size=32", "learning_rate=2e-2", "average_decay=0.9"],
    ),
    system=TaughtBranchSettings(SIZE, BRANCH, SETTINGS.second_half),
)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> HalvedSystem:
    """A trained classifier whose branch has fallen behind: read it, do not change it."""
    system = fitted(HALVED, SPLIT, tmp_path_factory.mktemp("runs") / "before").load_system()
    assert isinstance(system, HalvedSystem)
    with torch.no_grad():
        system.network.branch.head.weight.mul_(0.2)
    return system


@pytest.fixture(scope="module")
def run(before: HalvedSystem, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A branch that has gone on: read it, do not change it."""
    return fitted(RECIPE, SPLIT, tmp_path_factory.mktemp("runs") / "run", {START: before})


@pytest.fixture(scope="module")
def taught(run: RunFolder) -> EarlyExitSystem:
    """Its system: read it, do not change it."""
    system = run.load_system()
    assert isinstance(system, EarlyExitSystem)
    return system


def test_nothing_but_the_branch_moves(taught: EarlyExitSystem, before: HalvedSystem) -> None:
    after = taught.network.state_dict()
    moved = {
        name for name, value in before.network.state_dict().items() if not torch.equal(after[name], value)
    }
    assert moved
    assert {name.partition(".")[0] for name in moved} == {"branch"}


def test_it_starts_from_the_branch_that_was_there(before: HalvedSystem) -> None:
    system = RECIPE.system.build()
    system.build_on({START: before})
    for name, value in before.network.state_dict().items():
        assert torch.equal(system.network.state_dict()[name], value)


def test_the_branch_comes_to_say_what_the_whole_says(taught: EarlyExitSystem, before: HalvedSystem) -> None:
    batch = pictures(100)
    divergences = []
    for system in (before, taught):
        with torch.no_grad():
            half = system.network.first(batch.images)
            whole = system.network.second(half.maps).logits.softmax(dim=1)
        said = half.said.logits.log_softmax(dim=1)
        divergences.append(float(functional.kl_div(said, whole, reduction="batchmean")))
    assert divergences[1] < 0.7 * divergences[0]


def test_its_artifact_lets_pictures_leave_early(run: RunFolder, tmp_path: Path) -> None:
    artifact = with_early_exit(export_run(run, tmp_path / "artifact"), SPLIT, Console(file=StringIO()))
    outputs = Classifier(artifact).outputs(as_network_inputs(SPLIT.calibration.images))
    assert artifact.manifest.early_exit
    assert outputs.left_early is not None
    assert outputs.left_early.any()
