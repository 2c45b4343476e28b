"""A classifier's second course: it goes on from another's weights, and may learn validation's pictures."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import TINY, tiny_split
from training.batches import Examples
from training.classifying import START
from training.fitting import fit
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings, build_system
from training.sources import load_pictures

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
