"""Figures of a run's history: every term, training beside validation, epoch by epoch."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.figures.style import TRAIN, VALIDATION, axes_grid, columns_for, new_figure, titled

EpochRow = dict[str, float]


def loss_curves(history: Sequence[EpochRow], recipe: str) -> Figure:
    """A panel for every term of a run's history, and one for the learning rate."""
    names = [name.removeprefix("validation/") for name in history[0] if name.startswith("validation/")]
    columns = columns_for(len(names) + 1, widest=3)
    rows = -(-(len(names) + 1) // columns)
    figure = new_figure(4.2 * columns, 3.1 * rows + 0.6)
    panels = axes_grid(figure, rows, columns).ravel()
    for axes, name in zip(panels, names, strict=False):
        _term(axes, history, name)
    _learning_rate(panels[len(names)], history)
    for axes in panels[len(names) + 1 :]:
        axes.set_axis_off()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return titled(figure, f"{recipe}: training and validation after every epoch")


def _term(axes: Axes, history: Sequence[EpochRow], name: str) -> None:
    epochs = [row["epoch"] for row in history]
    for split, colour, marker in (("train", TRAIN, "o"), ("validation", VALIDATION, "s")):
        values = [row.get(f"{split}/{name}", np.nan) for row in history]
        if not np.isnan(values).all():
            axes.plot(epochs, values, color=colour, marker=marker, markersize=4, label=split)
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit_of(name))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _learning_rate(axes: Axes, history: Sequence[EpochRow]) -> None:
    axes.plot(
        [row["epoch"] for row in history], [row["learning_rate"] for row in history], color="0.3", marker="."
    )
    axes.set_title("learning rate at the epoch's end")
    axes.set_xlabel("epoch")
    axes.set_ylabel("learning rate")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def unit_of(term: str) -> str:
    """The unit of a term, as its name tells it."""
    if term.endswith("_nats"):
        return "nats an image"
    if term == "error":
        return "share of wrong answers"
    if "squared_error" in term:
        return "squared error, pixels on [0, 1]"
    return "objective" if term == "total" else term
