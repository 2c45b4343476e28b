"""One command trains the classifier, and the network for photographs that joins it where there are some."""

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fashion.artifact import Artifact, open_artifact
from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_photographs import TINY_PHOTOGRAPHS, tiny_photographs
from training.classifying import START
from training.finishing import export, finish
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder
from training.senders import PhotographSplit
from training.targets import opened_photographs
from training.training_run import TrainRequest, train

SPLIT = tiny_split()
OWN_GRAPHS = {"classifier", "deep_classifier", "explainer"}
BOTH = OWN_GRAPHS | {"photograph_classifier", "photograph_explainer"}
SHORT = ("width=4", "doublings=1", "epochs=1", "batch_size=32")


def request(folder: Path, *, resume: bool = False) -> TrainRequest:
    teacher = with_overrides(find_recipe("classifier"), [*SHORT, "downsampling=pool"])
    photographs = with_overrides(find_recipe("photograph-classifier"), [*TINY_PHOTOGRAPHS, "epochs=1"])
    recipe = replace(
        with_overrides(find_recipe("classifier-early-exit"), [*SHORT, "first=0"]),
        builds_on={START: replace(teacher, seed_offset=1)},
        joins={"photographs": photographs},
        quantise=False,
    )
    return TrainRequest(recipe, Machine.choose("cpu", "fp32", threads=1), folder, seed=7, resume=resume)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that ended without photographs: read it, do not change it."""
    told = Console(file=StringIO(), width=500)
    ended = train(request(tmp_path_factory.mktemp("runs") / "run"), SPLIT, None, told)
    assert "set FASHION_PHOTOS_DIR" in told.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    return ended


def graphs(artifact: Artifact) -> set[str]:
    return set(artifact.manifest.graphs)


def test_a_part_may_have_a_seed_of_its_own(run: RunFolder) -> None:
    assert run.foundation(START).read_settings().seed == 7 + 1
    manifest = open_artifact(run.artifact).manifest
    assert (manifest.seed, manifest.recipe.settings[START]["seed"]) == (7, 7 + 1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> PhotographSplit:
    return tiny_photographs(tmp_path_factory.mktemp("tiny") / "photographs")


@pytest.fixture(scope="module")
def resumed(
    run: RunFolder, photographs: PhotographSplit, tmp_path_factory: pytest.TempPathFactory
) -> RunFolder:
    """The same run, resumed with photographs at hand: read it, do not change it."""
    later = RunFolder(Path(shutil.copytree(run.path, tmp_path_factory.mktemp("runs") / "resumed")))
    train(request(later.path, resume=True), SPLIT, photographs, Console(file=StringIO()))
    return later


def test_what_joins_is_added_when_there_are_photographs_and_stays(run: RunFolder, resumed: RunFolder) -> None:
    assert graphs(open_artifact(run.artifact)) == OWN_GRAPHS

    artifact = open_artifact(resumed.artifact)
    assert graphs(artifact) == BOTH
    assert resumed.best_checkpoint.read_bytes() == run.best_checkpoint.read_bytes()
    assert artifact.manifest.recipe.settings["photographs"]["recipe"] == "photograph-classifier"
    assert set(artifact.manifest.calibration) == {"network_input", "photograph"}


def test_what_joined_is_exported_again(resumed: RunFolder, tmp_path: Path) -> None:
    again = RunFolder(Path(shutil.copytree(resumed.path, tmp_path / "run")))
    # The second half it gets when it is finished.
    assert graphs(export(again)) == BOTH - {"deep_classifier"}


def test_the_network_for_photographs_of_another_artifact_joins(
    run: RunFolder, resumed: RunFolder, photographs: PhotographSplit, tmp_path: Path
) -> None:
    donor = open_artifact(resumed.artifact)
    alone = RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))

    with opened_photographs(str(resumed.path)) as joined:
        artifact = finish(alone, SPLIT, photographs, Console(file=StringIO()), joined=joined)

    ours, theirs = artifact.manifest, donor.manifest
    assert ours.graphs == theirs.graphs
    assert ours.recipe == theirs.recipe
    assert (ours.num_parameters, ours.data) == (theirs.num_parameters, theirs.data)
    assert ours.metrics == theirs.metrics
    assert ours.calibration == theirs.calibration
    views = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    for made, expected in zip(
        artifact.graphs["photograph_classifier"](views),
        donor.graphs["photograph_classifier"](views),
        strict=True,
    ):
        np.testing.assert_array_equal(made, expected)


def test_an_artifact_without_a_network_for_photographs_has_none_to_give(
    run: RunFolder, photographs: PhotographSplit, tmp_path: Path
) -> None:
    own = RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))
    with (
        opened_photographs(str(run.artifact)) as joined,
        pytest.raises(InvalidValue, match="has no network for photographs"),
    ):
        finish(own, SPLIT, photographs, Console(file=StringIO()), joined=joined)


def test_a_run_for_photographs_is_joined_as_a_run(resumed: RunFolder) -> None:
    part = resumed.foundation("photographs")
    with opened_photographs(str(part.path)) as joined:
        assert isinstance(joined, RunFolder)
        assert joined.path == part.path
    with opened_photographs(None) as nothing:
        assert nothing is None
