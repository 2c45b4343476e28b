"""Single changes to a recipe, several seeds of each, judged on validation pictures: what is worth its cost.

Each run is trained like any other and leaves its row in `rows.json`, so that an interrupted study continues
where it stopped. A change is compared with the base seed by seed: equal seeds see the same pictures in the
same order, which takes out much of the noise.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from fashion.errors import InvalidValue
from training.fitting import fit
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.recipes.recipe import Recipe
from training.report import Cell, Table
from training.runs import RunFolder, RunSettings, write_json
from training.sources import load_pictures
from training.splits import Split
from training.training_run import summarise

_TRAINING_PICTURES = 10_000  # that the share of wrong answers on pictures trained on is taken from


@dataclass(frozen=True, slots=True)
class Variant:
    """One change, as assignments to settings of the recipe (see `recipes.overrides`)."""

    name: str
    changes: tuple[str, ...] = ()


BASE: Final = "base"
_OPENING: Final = "<!-- ablation -->"
_CLOSING: Final = "<!-- /ablation -->"

CLASSIFIER_VARIANTS: Final = (
    Variant(BASE),
    Variant("no flips", ("flip=0",)),
    Variant("no shifts", ("shift=0",)),
    Variant("no label smoothing", ("label_smoothing=0",)),
    Variant("with CutMix", ("cutmix=0.5",)),
    Variant("with random erasing", ("erase=0.5",)),
    Variant("with averaged weights", ("average_decay=0.998",)),
    Variant("max pools instead of strides", ("downsampling=pool",)),
    Variant("with CutMix and random erasing", ("cutmix=0.5", "erase=0.5")),
    Variant("Muon instead of AdamW", ("optimiser=muon", "momentum=0.95")),
    Variant("with MixUp", ("mixup=0.2",)),
    Variant("with RandAugment", ("rand_augment=2",)),
)
"""In the order of interest: a study that is stopped early has the first of them whole."""


@dataclass(frozen=True, slots=True)
class AblationRow:
    """How one run ended."""

    variant: str
    seed: int
    accuracy: float
    """On validation, of the best epoch."""
    train_accuracy: float
    """On pictures trained on, without augmentation, of the same weights."""
    loss_nats: float
    cpu_seconds: float
    """Of this process, in all its threads: what others do on the machine does not count."""


@dataclass(frozen=True, slots=True)
class Study:
    """What to train: every variant of a recipe with every seed."""

    recipe: Recipe
    variants: Sequence[Variant] = CLASSIFIER_VARIANTS
    seeds: Sequence[int] = (0, 1, 2)
    limit: int | None = None
    """Training pictures, if not all of them."""

    @classmethod
    def of_recipe(cls, name: str, overrides: Sequence[str], num_seeds: int, limit: int | None) -> "Study":
        """The classifier's variants of a recipe with `overrides`; InvalidValue where a setting is missing."""
        study = cls(with_overrides(find_recipe(name), overrides), seeds=range(num_seeds), limit=limit)
        for variant in study.variants:
            with_overrides(study.recipe, variant.changes)
        return study

    def runs(self) -> Iterator[tuple[Variant, int]]:
        """Variant by variant, so that whole variants end first."""
        return ((variant, seed) for variant in self.variants for seed in self.seeds)


def ablate(study: Study, split: Split, folder: Path, machine: Machine, console: Console) -> list[AblationRow]:
    """Train what `folder` has no row of yet, and write down each run as it ends; raises Interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = finished_rows(folder, study)
    done = {(row.variant, row.seed) for row in rows}
    for variant, seed in study.runs():
        if (variant.name, seed) in done:
            continue
        rows.append(_run(study, variant, seed, split, folder, machine))
        write_json(_rows_file(folder), [asdict(row) for row in rows])
        (folder / "table.md").write_text(as_table(rows, study).as_markdown() + "\n", encoding="utf-8")
        last = rows[-1]
        console.print(
            f"{variant.name}, seed {seed}: {last.accuracy:.2%} after {last.cpu_seconds:.0f} CPU seconds",
            highlight=False,
        )
    return rows


def as_table(rows: Sequence[AblationRow], study: Study) -> Table:
    """Means over seeds and, beside them, the difference from the base with its standard error."""
    by_variant = {
        variant.name: {row.seed: row for row in rows if row.variant == variant.name}
        for variant in study.variants
    }
    base = by_variant.get(BASE, {})
    cells = [_cells(name, found, base) for name, found in by_variant.items() if found]
    optimisation = study.recipe.optimisation
    note = (
        f"Recipe {study.recipe.name}, {optimisation.epochs} epochs of batches of {optimisation.batch_size}, "
        f"{'all' if study.limit is None else f'{study.limit:,}'} training pictures. Differences are in "
        f"points, paired by seed, with the standard error over seeds alone: the validation pictures are the "
        f"same ones for all."
    )
    columns = (
        "variant",
        "seeds",
        "validation accuracy",
        "difference, points",
        "accuracy on training",
        "CPU seconds",
    )
    return Table("What each part is worth", columns, cells, note)


def insert_table(table: Table, page: Path) -> None:
    """Put the table between the page's two marks, in place of what is there; raises InvalidValue without
    them."""
    before, opening, rest = page.read_text(encoding="utf-8").partition(_OPENING)
    _, closing, after = rest.partition(_CLOSING)
    if not (opening and closing):
        raise InvalidValue(f"{page} has no place for the table: {_OPENING} and {_CLOSING}.", field="--into")
    body = table.as_markdown().partition("\n\n")[2]
    page.write_text(f"{before}{opening}\n{body}\n{closing}{after}", encoding="utf-8")


def _run(
    study: Study, variant: Variant, seed: int, split: Split, folder: Path, machine: Machine
) -> AblationRow:
    recipe = with_overrides(study.recipe, variant.changes)
    training, validation = load_pictures(recipe, split)
    training = training.head(study.limit or len(training))
    settings = RunSettings.of(recipe, seed=seed, precision=machine.precision, limit=study.limit)
    path = folder / f"{variant.name.replace(' ', '-')}-{seed}"
    started = (path / "settings.json").exists()
    run = (RunFolder.resume if started else RunFolder.start)(path, settings)
    before = time.process_time()
    fit(recipe, training, validation, run, seed=seed, machine=machine, resume=started)
    seconds = time.process_time() - before
    summary = summarise(run.load_system(), training.head(_TRAINING_PICTURES), validation, machine)
    return AblationRow(
        variant.name,
        seed,
        1 - summary.validation["error"],
        1 - summary.train["error"],
        summary.validation["total"],
        seconds,
    )


def finished_rows(folder: Path, study: Study) -> list[AblationRow]:
    """What an earlier call left in `folder`; raises InvalidValue for another study's rows."""
    path = _rows_file(folder)
    if not path.exists():
        return []
    rows = [AblationRow(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    known = {variant.name for variant in study.variants}
    if strangers := {row.variant for row in rows} - known:
        raise InvalidValue(f"{path} is of another study: it has {sorted(strangers)}.", field="--out")
    return rows


def _rows_file(folder: Path) -> Path:
    return folder / "rows.json"


def _cells(name: str, found: dict[int, AblationRow], base: dict[int, AblationRow]) -> list[Cell]:
    differences = [100 * (row.accuracy - base[seed].accuracy) for seed, row in found.items() if seed in base]
    return [
        name,
        len(found),
        f"{100 * np.mean([row.accuracy for row in found.values()]):.2f}%",
        "-" if name == BASE else _with_error(differences),
        f"{100 * np.mean([row.train_accuracy for row in found.values()]):.2f}%",
        f"{np.mean([row.cpu_seconds for row in found.values()]):.0f}",
    ]


def _with_error(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{np.mean(values):+.2f}" if values else "-"
    return f"{np.mean(values):+.2f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}"
