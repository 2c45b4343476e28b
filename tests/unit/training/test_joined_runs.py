"""One command trains the classifier, and the network for photographs that joins it where there are some."""

import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from fashion.artifact import Artifact, open_artifact
from tests.unit.training.tiny_data import tiny_split
from tests.unit.training.tiny_photographs import TINY_PHOTOGRAPHS, tiny_photographs
from training.classifying import START
from training.finishing import export
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder
from training.training_run import TrainRequest, train

SPLIT = tiny_split()
OWN_GRAPHS = {"classifier", "deep_classifier", "explainer"}
BOTH = OWN_GRAPHS | {"photograph_classifier", "photograph_explainer"}
SHORT = ("width=4", "doublings=1", "epochs=1", "batch_size=32")


def request(folder: Path, *, resume: bool = False) -> TrainRequest:
    teacher = with_overrides(find_recipe("classifier"), [*SHORT, "downsampling=pool"])
    photographs = with_overrides(find_recipe("photograph-classifier"), [*TINY_PHOTOGRAPHS, "epochs=1"])
    recipe = replace(
        with_overrides(find_recipe("classifier-released"), [*SHORT, "first=0"]),
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


def test_what_joins_is_added_when_there_are_photographs_and_stays(run: RunFolder, tmp_path: Path) -> None:
    assert graphs(open_artifact(run.artifact)) == OWN_GRAPHS
    photographs = tiny_photographs(tmp_path / "photographs")
    later = RunFolder(Path(shutil.copytree(run.path, tmp_path / "run")))
    weights = later.best_checkpoint.read_bytes()

    train(request(later.path, resume=True), SPLIT, photographs, Console(file=StringIO()))

    artifact = open_artifact(later.artifact)
    assert graphs(artifact) == BOTH
    assert later.best_checkpoint.read_bytes() == weights
    assert artifact.manifest.recipe.settings["photographs"]["recipe"] == "photograph-classifier"
    assert set(artifact.manifest.calibration) == {"network_input", "photograph"}
    assert graphs(export(later)) == BOTH - {"deep_classifier"}  # which it gets when it is finished
