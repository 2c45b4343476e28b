"""A classifier's second course: it goes on from another's weights, and may learn validation's pictures."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import TINY, tiny_split
from training.batches import Examples
from training.classifying import START
from training.finishing import finish
from training.fitting import fit
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings, build_system
from training.sources import load_pictures, parts_of, parts_of_artifact

SPLIT = tiny_split()


def recipe(*overrides: str) -> Recipe:
    made = with_overrides(find_recipe("classifier-whole"), [*TINY, "epochs=3", *overrides])
    return replace(made, builds_on={})


def test_a_refit_trains_on_validations_pictures_as_well():
    training, validation = load_pictures(recipe(), SPLIT)
    without, _ = load_pictures(recipe("refit=false"), SPLIT)
    assert isinstance(training, Examples)
    assert len(training) == len(without) + len(validation) == 320 + 100
    assert torch.equal(training.images[-100:], torch.tensor(SPLIT.validation.images))


def test_calibrations_pictures_are_never_among_them():
    training, _ = load_pictures(recipe(), SPLIT)
    assert isinstance(training, Examples)
    seen = {image.numpy().tobytes() for image in training.images}
    assert not seen & {image.tobytes() for image in SPLIT.calibration.images}


def test_a_refit_in_halves_trains_on_half_of_both_parts_and_calibrates_with_the_others():
    halves = recipe("refit_in_halves=true")
    training, validation = load_pictures(halves, SPLIT)
    assert isinstance(training, Examples)
    parts = parts_of(halves, SPLIT)
    assert torch.equal(training.images, torch.tensor(parts.train.images))
    assert len(training) == 320 + 100 // 2 + 300 // 2
    assert len(parts.calibration) == 100 // 2 + 300 // 2
    assert len(validation) == 100


@pytest.mark.parametrize("refits_in_halves", [True, False])
def test_an_artifact_is_calibrated_with_what_its_recipe_left(tmp_path: Path, refits_in_halves: bool):
    made = recipe("epochs=1", f"refit_in_halves={refits_in_halves}".lower())
    folder = RunFolder.start(tmp_path / "run", RunSettings.of(made, seed=0, precision="fp32"))
    training, validation = load_pictures(made, SPLIT)
    fit(made, training, validation, folder, seed=0, machine=Machine.choose("cpu", "fp32", threads=1))
    artifact = finish(folder, SPLIT, None, Console(quiet=True), integers=False)
    left = parts_of_artifact(artifact, SPLIT)
    told = artifact.manifest.calibration["network_input"]
    assert told is not None
    assert (told.count, told.source) == (len(left.calibration), left.calibration_source)
    assert told.count == (200 if refits_in_halves else 300)


def test_halves_without_a_refit_are_refused():
    with pytest.raises(InvalidValue, match="set refit as well"):
        recipe("refit=false", "refit_in_halves=true")


@pytest.mark.parametrize(
    ("name", "setting"),
    [("classifier-early-exit", "refit_in_halves=true"), ("classifier-four-courses", "refit_in_halves=false")],
)
def test_a_course_that_would_calibrate_with_what_the_one_before_it_saw_is_refused(name: str, setting: str):
    with pytest.raises(InvalidValue, match=f"{name} builds on .* leave refit_in_halves"):
        with_overrides(find_recipe(name), [setting])


@pytest.mark.parametrize("setting", ["refit=true", "keep_last=true"])
def test_a_refit_keeps_its_last_epoch_whatever_validation_says_and_so_do_others_if_told(
    tmp_path: Path, setting: str
):
    # A rate that destroys the network: the first epoch would be the best.
    refit = recipe("refit=false", setting, "learning_rate=1")
    settings = RunSettings.of(refit, seed=0, precision="fp32")
    folder = RunFolder.start(tmp_path / "run", settings)
    training, validation = load_pictures(refit, SPLIT)
    machine = Machine.choose("cpu", "fp32", threads=1)
    result = fit(refit, training, validation, folder, seed=0, machine=machine)
    kept, last = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (folder.best_checkpoint, folder.last_checkpoint)
    )
    assert result.best_epoch == 3
    assert all(torch.equal(kept[name], last[name]) for name in last)


def test_it_goes_on_from_the_weights_of_the_first_course():
    first, second = build_system(recipe(), seed=1), build_system(recipe(), seed=2)
    second.build_on({START: first})
    for ours, theirs in zip(second.network.parameters(), first.network.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_any_other_part_is_refused():
    with pytest.raises(InvalidValue, match="builds on no other"):
        build_system(recipe(), seed=0).build_on({"critic": build_system(recipe(), seed=1)})
