"""A recipe trained on tiny pictures, without what `train` does after it."""

from collections.abc import Mapping
from pathlib import Path

from training.fitting import fit
from training.machine import Machine
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings
from training.sources import load_pictures
from training.splits import Split
from training.systems import System


def fitted(
    recipe: Recipe, split: Split, path: Path, foundations: Mapping[str, System] | None = None
) -> RunFolder:
    """A run at `path` whose last epoch has ended, built on `foundations`."""
    folder = RunFolder.start(path, RunSettings.of(recipe, seed=0, precision="fp32"))
    training, validation = load_pictures(recipe, split)
    machine = Machine.choose("cpu", "fp32", threads=1)
    fit(recipe, training, validation, folder, seed=0, machine=machine, foundations=foundations or {})
    return folder
