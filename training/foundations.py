"""The runs that a recipe consists of: trained inside its own run folder, each by its part.

A system may need networks that a recipe of their own trains: one to start from, one to look through; and a
classifier's artifact may hold another network, for photographs. So one command still makes the whole, and the
run folder holds everything that decided it. A run of that very recipe, seed and data that ended earlier may
be copied in (`--use`): under one commit a run is a function of its settings, so the outcome is the same.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fashion.errors import InvalidValue
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings

_COPYING: Final = "."
"""Begins the name of a run that is being copied."""


def parsed_uses(assignments: Sequence[str]) -> dict[str, Path]:
    """`PART=RUN` as a mapping; raises InvalidValue for anything else."""
    parts = [assignment.partition("=") for assignment in assignments]
    for assignment, (part, equals, run) in zip(assignments, parts, strict=True):
        if not (part and equals and run):
            raise InvalidValue(f"--use takes PART=RUN, not {assignment!r}.", field="--use")
    return {part: Path(run) for part, _, run in parts}


def check_uses(recipe: Recipe, uses: Mapping[str, Path], settings: RunSettings) -> None:
    """Raise InvalidValue unless each run is a finished one of the part's recipe, trained as it would be now.

    `settings` are those of the run that builds on them: seed, precision and data have to be the same.
    """
    for part, path in uses.items():
        if part not in recipe.parts:
            expected = ", ".join(recipe.parts) or "none"
            raise InvalidValue(f"{recipe.name} builds on no {part!r}; its parts: {expected}.", field="--use")
        run = RunFolder(path)
        if different := part_settings(recipe.parts[part], settings).differences(run.read_settings()):
            raise InvalidValue(
                f"{path} is not the run that {recipe.name} builds on: {'; '.join(different)}. Leave --use "
                f"away to train it anew.",
                field="--use",
            )
        if not run.has_ended:
            raise InvalidValue(f"{path} has not ended: it has no summary. Let it train.", field="--use")


def trained_already(folder: RunFolder, recipe: Recipe, settings: RunSettings) -> dict[str, Path]:
    """What of the parts of `recipe`, itself a part, has been trained in `folder` for another part: to use."""
    finished = [
        run
        for file in sorted(folder.path.glob("foundations/**/settings.json"))
        if not any(name.startswith(_COPYING) for name in file.relative_to(folder.path).parts)
        for run in [RunFolder(file.parent)]
        if run.has_ended
    ]
    return {
        part: run.path
        for part, own in recipe.parts.items()
        for run in finished
        if not part_settings(own, settings).differences(run.read_settings())
    }


def part_settings(part: Recipe, settings: RunSettings) -> RunSettings:
    """The settings of a run of `part` for a run with `settings`: all but the recipe, and the seed where the
    part has one of its own, is the same."""
    return RunSettings.of(
        part, seed=settings.seed + part.seed_offset, precision=settings.precision, limit=settings.limit
    )


def copy_uses(folder: RunFolder, uses: Mapping[str, Path]) -> None:
    """Copy finished runs to where `folder` expects them, unless they are there already."""
    for part, path in uses.items():
        own = folder.foundation(part).path
        if not own.exists():
            unfinished = own.with_name(f"{_COPYING}{part}")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.copytree(path, unfinished)
            unfinished.rename(own)  # so that a copy that was interrupted is never taken for a whole one
