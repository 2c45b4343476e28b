"""Models side by side: figures, settings that differ, size, and speed on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fashion.artifact import Artifact
from fashion.inputs import SIDE
from fashion.manifest import STEM_MAPS
from training.figures.style import LABEL_COLOURS, axes_grid, columns_for, new_figure, titled
from training.timing import median_seconds

_REPETITIONS = 50


@dataclass(frozen=True, slots=True)
class Compared:
    """What is told of one model."""

    name: str
    kind: str
    figures: dict[str, float]
    """From the manifest: what its training and its evaluation measured."""
    settings: dict[str, Any]
    num_parameters: int
    num_bytes: int
    milliseconds: float
    """Median of one picture through all of a classifier's network, or an encoder, on one thread here."""


def compared(name: str, artifact: Artifact) -> Compared:
    """Read and time one model."""
    manifest = artifact.manifest
    return Compared(
        name,
        manifest.kind,
        dict(manifest.metrics),
        {"recipe": manifest.recipe.name, "seed": manifest.seed, **_flat(manifest.recipe.settings)},
        manifest.num_parameters,
        sum(path.stat().st_size for path in artifact.folder.iterdir() if path.is_file()),
        1e3 * _median_seconds(artifact),
    )


def differing(models: Sequence[Compared]) -> list[str]:
    """Names of the settings that are not the same for all, in order."""
    names = dict.fromkeys(name for model in models for name in model.settings)
    return [name for name in names if len({repr(model.settings.get(name)) for model in models}) > 1]


def rows(models: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """What to print: a name, and the value of every model; what one does not have is a dash."""
    figures = dict.fromkeys(name for model in models for name in model.figures)
    lines = [(name, [_number(model.figures.get(name)) for model in models]) for name in figures]
    lines += [(name, [str(model.settings.get(name, "-")) for model in models]) for name in differing(models)]
    lines.append(("parameters", [f"{model.num_parameters:,}" for model in models]))
    lines.append(("size, KiB", [f"{model.num_bytes / 1024:,.0f}" for model in models]))
    lines.append(("ms a picture, one thread", [f"{model.milliseconds:.3f}" for model in models]))
    return lines


def comparison_figure(models: Sequence[Compared]) -> Figure:
    """A panel for every figure that two models or more have, and for size and speed."""
    panels: dict[str, list[float | None]] = {}
    for name in dict.fromkeys(name for model in models for name in model.figures):
        values = [model.figures.get(name) for model in models]
        if sum(value is not None for value in values) > 1:
            panels[name] = values
    panels["parameters"] = [model.num_parameters for model in models]
    panels["size, KiB"] = [model.num_bytes / 1024 for model in models]
    panels["ms a picture, one thread"] = [model.milliseconds for model in models]
    columns = columns_for(len(panels), widest=4)
    figure = new_figure(3.6 * columns, (0.3 * len(models) + 1.1) * -(-len(panels) // columns) + 0.6)
    table = axes_grid(figure, -(-len(panels) // columns), columns)
    for axes in table.ravel()[len(panels) :]:
        axes.set_axis_off()
    for place, (axes, (name, values)) in enumerate(zip(table.ravel(), panels.items(), strict=False)):
        bars = axes.barh(
            range(len(models)), [value or 0 for value in values], color=LABEL_COLOURS[: len(models)]
        )
        axes.bar_label(bars, [_number(value) for value in values], padding=3, fontsize=8)
        axes.set_yticks(range(len(models)), [model.name for model in models] if place % columns == 0 else [])
        axes.invert_yaxis()
        axes.margins(x=0.35)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.set_title(name, fontsize=9)
    return titled(figure, "Models side by side")


def _median_seconds(artifact: Artifact) -> float:
    """All the way, early exit or not."""
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE), dtype=np.uint8)
    first = artifact.graphs["classifier" if artifact.manifest.kind == "classifier" else "encoder"]
    deep = artifact.graphs.get("deep_classifier")

    def all_the_way() -> None:
        if deep is None:
            first(image)
        else:
            deep(*first(image, outputs=[STEM_MAPS]))

    return median_seconds(all_the_way, _REPETITIONS)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat
