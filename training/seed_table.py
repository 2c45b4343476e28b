"""The five texts' systems trained one after the other, and the table of their figures beside the texts' own.

Test pictures serve the table alone, once a system is trained: as in the report, nothing is chosen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from fashion.artifact import open_artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from training.answers import as_network_inputs
from training.dataset import Dataset, load_training
from training.figures.gallery import predictions_for
from training.figures.shown import pictures_to_show
from training.machine import Machine
from training.recipes.recipe import Recipe
from training.recipes.seeds import SEEDS
from training.runs import RunFolder
from training.splits import split as cut
from training.training_run import TrainRequest, train
from training.watching import draw_run

_EPOCHS_OF_THE_TEXT: Final = 5
"""Of the dense VAE: its text says 15 and prints five."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system in the table."""

    recipe: str
    text: str
    """The text's own figure, in words."""
    ours: str
    seconds: float


def train_seeds(
    folder: Path,
    data: Path | None,
    machine: Machine,
    console: Console,
    *,
    seed: int,
    limit: int | None,
) -> list[Row]:
    """Train what is not trained yet below `folder`, a run folder each; draw its figures; return the table."""
    split, shown = cut(load_training(data)), pictures_to_show(data)
    rows = []
    for name, build in SEEDS.items():
        run = RunFolder(folder / name)
        if not run.artifact.is_dir():
            started = run.settings_file.exists()
            request = TrainRequest(build(), machine, run.path, seed=seed, resume=started, limit=limit)
            draw_run(train(request, split, None, console), data, console)
        rows.append(row_of(run, build(), shown))
    return rows


def row_of(run: RunFolder, recipe: Recipe, shown: Dataset) -> Row:
    """Measure a finished run on test pictures."""
    text, measure = _MEASURES[recipe.name]
    summary = json.loads(run.summary_file.read_text(encoding="utf-8"))
    return Row(recipe.name, text, measure(run, summary, shown), float(summary["seconds"]))


def seed_table(rows: list[Row]) -> Table:
    """For the terminal."""
    table = Table("recipe", "the text", "here", "seconds", title="The texts' systems, trained here")
    for row in rows:
        table.add_row(row.recipe, row.text, row.ours, f"{row.seconds:,.0f}")
    return table


def _variational(run: RunFolder, summary: dict[str, Any], shown: Dataset) -> str:
    error = _mean_squared_error(run, shown)
    validation = summary["validation"]
    squared = 28 * 28 * error + validation["kl_nats"]
    return f"-ELBO {validation['total']:.1f} nats on validation; squared error and KL {squared:.1f} on test"


def _plain(run: RunFolder, summary: dict[str, Any], shown: Dataset) -> str:
    return (
        f"squared error {_mean_squared_error(run, shown):.4f} on test (train {summary['train']['total']:.4f})"
    )


def _dense_vae(run: RunFolder, summary: dict[str, Any], _shown: Dataset) -> str:
    history = json.loads(run.history_file.read_text(encoding="utf-8"))
    early = history[min(_EPOCHS_OF_THE_TEXT, len(history)) - 1]
    first = f"-ELBO {early['train/total']:.1f} nats in training, epoch {early['epoch']:.0f}"
    return f"{first}; {summary['validation']['total']:.1f} on validation after {summary['epochs']}"


def _train_and_test(run: RunFolder, summary: dict[str, Any], shown: Dataset) -> str:
    return f"{1 - summary['train']['error']:.2%} train, {_accuracy(run, shown):.2%} test"


def _test(run: RunFolder, summary: dict[str, Any], shown: Dataset) -> str:
    return f"{_accuracy(run, shown):.2%} test, best epoch {summary['best_epoch']} of {summary['epochs']}"


def _accuracy(run: RunFolder, shown: Dataset) -> float:
    made = predictions_for(Classifier(open_artifact(run.artifact)), as_network_inputs(shown.images))
    return float((np.array([said.class_index for said in made]) == shown.labels).mean())


def _mean_squared_error(run: RunFolder, shown: Dataset) -> float:
    autoencoder = Autoencoder(open_artifact(run.artifact))
    return float(autoencoder.reconstruct(shown.images).mean_squared_error.mean())


_MEASURES: Final[dict[str, tuple[str, Callable[[RunFolder, dict[str, Any], Dataset], str]]]] = {
    "ms-robot": ("a loss of about 40 to 50", _variational),
    "conv-autoencoder": ("no figure, pictures alone", _plain),
    "dense-vae": ("-ELBO 258.5 nats in training, epoch 5", _dense_vae),
    "mlp": ("0.89 train, 0.86 test", _train_and_test),
    "cnn": ("92.07% test", _test),
}
"""The text's figure, and how ours is measured."""
