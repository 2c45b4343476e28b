"""What a nat buys: the same small VAE taught at several weights of its KL term, and the curve through them.

Beta moves a VAE between describing a picture in few nats and drawing it back exactly (Higgins et al. 2017;
Alemi et al. 2018, arXiv:1711.00464). Each run is trained like any other, and kept.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from rich.console import Console

from training.figures.style import new_figure, titled
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.report import Table
from training.runs import RunFolder
from training.splits import Split
from training.training_run import TrainRequest, train

DEFAULT_BETAS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Point:
    """How one run ended, on validation."""

    beta: float
    kl_nats: float
    """To N(0, I)."""
    mean_squared_error: float
    """From posterior means."""
    negative_elbo_nats: float
    """At beta 1, whatever the run was taught at."""


def trade_off(
    betas: Sequence[float],
    overrides: Sequence[str],
    split: Split,
    folder: Path,
    machine: Machine,
    console: Console,
) -> list[Point]:
    """Train the recipe `vae` at every beta below `folder`; what is finished there is read, not trained."""
    points = []
    for beta in sorted(betas):
        run = RunFolder(folder / f"beta-{beta:g}")
        if not run.artifact.is_dir():
            recipe = with_overrides(find_recipe("vae"), [*overrides, f"beta={beta}"])
            request = TrainRequest(recipe, machine, run.path, resume=run.settings_file.exists())
            train(request, split, None, console)
        points.append(_point(beta, run))
    return points


def _point(beta: float, run: RunFolder) -> Point:
    terms = json.loads(run.summary_file.read_text(encoding="utf-8"))["validation"]
    total = terms["reconstruction_nats"] + terms["kl_nats"]
    return Point(beta, terms["kl_nats"], terms["mean_squared_error"], total)


def trade_off_table(points: Sequence[Point]) -> Table:
    """A row for each beta."""
    rows = [(p.beta, p.kl_nats, p.mean_squared_error, p.negative_elbo_nats) for p in points]
    columns = ("beta", "KL to N(0, I), nats", "squared error from the mean", "-ELBO at beta 1, nats")
    return Table("What a nat buys, on validation", columns, rows)


def trade_off_figure(points: Sequence[Point]) -> Figure:
    """Squared error over nats, every point with its beta."""
    figure = new_figure(7, 4.6)
    axes = figure.subplots()
    axes.plot([p.kl_nats for p in points], [p.mean_squared_error for p in points], marker="o")
    for p in points:
        axes.annotate(
            f"beta {p.beta:g}", (p.kl_nats, p.mean_squared_error), (6, 6), textcoords="offset points"
        )
    axes.set_xlabel("KL to N(0, I), nats a picture")
    axes.set_ylabel("mean squared error from posterior means")
    return titled(figure, "What a nat buys: one small VAE at several weights of its KL term", "validation")
