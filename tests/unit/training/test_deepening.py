"""A new second half learns the pictures that the branch is unsure of; what comes before it stays."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch.nn import functional

from fashion.artifact import Artifact
from fashion.errors import InvalidValue
from tests.tiny_early_exit import tiny_early_exit
from tests.unit.training.test_halved import BRANCH, SIZE, certainties, pictures
from tests.unit.training.test_halved import RECIPE as HALVED
from tests.unit.training.test_halved import built as halved
from tests.unit.training.test_teachers import released
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_runs import fitted
from training.classifying import START
from training.deepening import DEEPENED, DeepenedSettings, DeepenedSystem
from training.export import export_run
from training.halved import HalvedSystem
from training.halving import with_early_exit
from training.networks.early_exit import SecondHalfSettings
from training.recipes import find_recipe
from training.runs import RunFolder

SPLIT = tiny_split()
SETTINGS = DeepenedSettings(SIZE, BRANCH, SecondHalfSettings((5, 7)))
RECIPE = replace(
    find_recipe("classifier-deepened"),
    system=SETTINGS,
    optimisation=replace(HALVED.optimisation, epochs=4, refit_in_halves=True),
)


@pytest.fixture(scope="module")
def before() -> HalvedSystem:
    """What is built on, which has seen nothing yet: read it, do not change it."""
    system = halved()
    # As after training: its norms have statistics of their own.
    for layer in system.network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean = torch.linspace(-0.1, 0.1, layer.num_features)
            layer.running_var = torch.linspace(0.5, 2, layer.num_features)
    return system.eval()


@pytest.fixture(scope="module")
def run(before: HalvedSystem, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A trained second half: read it, do not change it."""
    return fitted(RECIPE, SPLIT, tmp_path_factory.mktemp("runs") / "run", {START: before})


@pytest.fixture(scope="module")
def trained(run: RunFolder) -> DeepenedSystem:
    """Its system: read it, do not change it."""
    system = run.load_system().eval()
    assert isinstance(system, DeepenedSystem)
    return system


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """One whose branch is sure of everything."""
    return tiny_early_exit(tmp_path_factory.mktemp("teachers") / "artifact", confidence=0.01)


def built(before: HalvedSystem, **changes: Any) -> DeepenedSystem:
    torch.manual_seed(0)
    system = replace(SETTINGS, **changes).build()
    system.build_on({START: before})
    return system


def test_what_comes_before_stays_as_it_was(trained: DeepenedSystem, before: HalvedSystem) -> None:
    images = torch.rand(5, 28, 28)
    with torch.no_grad():
        found, expected = trained.network.first(images), before.network.first(images)
    torch.testing.assert_close(found.said, expected.said, rtol=0, atol=0)
    torch.testing.assert_close(found.maps, expected.maps, rtol=0, atol=0)


def test_the_second_half_learns(trained: DeepenedSystem, before: HalvedSystem) -> None:
    batch = pictures(200)
    with torch.no_grad():
        fresh, learned = (
            float(functional.cross_entropy(system.network(batch.images).logits, batch.labels))
            for system in (built(before).eval(), trained)
        )
    assert learned < 0.8 * fresh


def test_pictures_that_leave_have_no_say(before: HalvedSystem) -> None:
    batch = pictures(60)
    middle = certainties(before, batch).median().item()
    hard = certainties(before, batch) < middle
    hard[0] = True
    system = built(before, sure=middle, easy_kept=0.0, label_smoothing=0.2)

    terms = system.training_terms(batch, 0.0)

    logits = system.network.second(before.network.first(batch.images[hard]).maps).logits
    alone = functional.cross_entropy(logits, 0.8 * batch.targets[hard] + 0.02)
    torch.testing.assert_close(terms["total"], alone, rtol=1e-4, atol=1e-5)
    assert float(terms["learned_from"]) == pytest.approx(hard.float().mean().item())


@pytest.mark.parametrize("goes_on", [False, True])
def test_it_learns_what_a_release_and_the_second_half_before_say_together(
    goes_on: bool,
    trained: DeepenedSystem,
    before: HalvedSystem,
    teacher: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.teachers.TEACHERS", tmp_path)
    batch = pictures(60)
    torch.manual_seed(0)
    system = replace(SETTINGS, sure=1.0, teacher=released(teacher, tmp_path), teachers_share=0.75).build()
    system.build_on({START: before, DEEPENED: trained} if goes_on else {START: before})

    total = system.eval().training_terms(batch, 0.0)["total"]

    inputs = (batch.images * 255).round().to(torch.uint8).numpy()
    (maps,) = teacher.graphs["classifier"](inputs, outputs=["stem_maps"])
    (taught,) = teacher.graphs["deep_classifier"](maps, outputs=["logits"])
    said = [torch.from_numpy(taught)]
    with torch.no_grad():
        own = system.network(batch.images).logits
        if goes_on:
            said.append(trained.network(batch.images).logits)
            torch.testing.assert_close(own, said[-1])  # it starts as the one before ended
    together = torch.stack([logits.log_softmax(dim=1) for logits in said]).mean(dim=0).softmax(dim=1)
    expected = functional.cross_entropy(own, 0.75 * together + 0.25 * batch.targets)
    torch.testing.assert_close(total, expected, rtol=1e-3, atol=1e-4)
    assert {name.split(".")[0] for name in system.state_dict()} == {"network"}  # teachers are not kept


@pytest.mark.parametrize("names", [[], ["other"], [START, "other"], [DEEPENED], [START, DEEPENED]])
def test_it_builds_on_a_classifier_in_halves(names: list[str], before: HalvedSystem) -> None:
    with pytest.raises(InvalidValue, match="builds on one classifier that was trained in halves, 'start'"):
        SETTINGS.build().build_on(dict.fromkeys(names, before))


def test_it_builds_on_no_classifier_of_one_piece(trained_run: RunFolder) -> None:
    with pytest.raises(InvalidValue, match="trained in halves"):
        SETTINGS.build().build_on({START: trained_run.load_system()})


def test_it_is_served_in_two_halves(run: RunFolder, trained: DeepenedSystem, tmp_path: Path) -> None:
    cut = with_early_exit(export_run(run, tmp_path / "artifact"), SPLIT, Console(file=StringIO()))
    images = SPLIT.calibration.images[:30]
    (maps,) = cut.graphs["classifier"](images, outputs=["stem_maps"])
    (logits,) = cut.graphs["deep_classifier"](maps, outputs=["logits"])

    with torch.no_grad():
        expected = trained.network(torch.tensor(images) / 255).logits.numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
