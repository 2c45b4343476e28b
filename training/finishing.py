"""From the best checkpoint to a complete artifact: what `train` does once the weights are found."""

import json
import math
import shutil

from rich.console import Console

from fashion.artifact import Artifact
from fashion.errors import DatasetError
from training.calibrate import calibrate
from training.export import check_joinable, export_run
from training.halving import with_early_exit
from training.joining import FIGURES, with_photographs_of
from training.latent_layout import LatentLayout
from training.photographs import load_photographs
from training.prior_fitting import add_prior
from training.quantise import MAX_COST_POINTS, quantise
from training.runs import RunFolder
from training.senders import PhotographSplit, split_by_sender
from training.sources import parts_of
from training.splits import Split


def finish(
    folder: RunFolder,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
    *,
    joined: RunFolder | Artifact | None = None,
    integers: bool | None = None,
) -> Artifact:
    """Export the run and complete the artifact; an earlier artifact of the run is replaced.

    `joined` is the run of a network for photographs that goes into the same artifact, or an artifact that has
    one, instead of the run that was trained with this one. `integers` says whether classifiers are to compute
    in eight-bit integers, whatever that costs; None leaves it to the recipe, and to the measured cost.
    """
    recipe = folder.read_settings().build_recipe()
    parts = parts_of(recipe, split)
    donor = joined if isinstance(joined, Artifact) else None
    artifact = export(folder, joined if isinstance(joined, RunFolder) else None, alone=donor is not None)
    if integers or (integers is None and recipe.quantise):
        cost = math.inf if integers else MAX_COST_POINTS
        artifact = quantise(artifact, parts, photographs, console, max_cost_points=cost)
    artifact = with_early_exit(artifact, parts, console)
    if donor:
        artifact = with_photographs_of(artifact, donor)
    artifact = complete(artifact, parts, photographs, console, layout=folder.load_system().layout)
    console.print(f"artifact:   {artifact.folder}", highlight=False, soft_wrap=True)
    return artifact


def export(folder: RunFolder, joined: RunFolder | None = None, *, alone: bool = False) -> Artifact:
    """Export the best weights of the run, and of what joins it unless it is to stay `alone`, with the
    summaries' validation figures.

    Raises InvalidValue where one of the runs is of a kind that does not belong there.
    """
    joined = joined or (None if alone else _joined_run(folder))
    check_joinable(folder, joined)
    shutil.rmtree(folder.artifact, ignore_errors=True)
    metrics = _validation_figures(folder, "validation")
    if joined:
        metrics |= _validation_figures(joined, FIGURES)
    return export_run(folder, folder.artifact, metrics, joined)


def _joined_run(folder: RunFolder) -> RunFolder | None:
    """The run inside `folder` of the network that its recipe joins to it, if it has ended."""
    runs = [folder.foundation(part) for part in folder.read_settings().build_recipe().joins]
    return next((run for run in runs if run.has_ended), None)


def _validation_figures(folder: RunFolder, prefix: str) -> dict[str, float]:
    if not folder.summary_file.exists() or folder.read_settings().build_recipe().optimisation.refit:
        return {}  # of a refit they would be figures of pictures that it was trained on
    validation = json.loads(folder.summary_file.read_text(encoding="utf-8"))["validation"]
    return {f"{prefix}_{name}": value for name, value in validation.items()}


def complete(
    artifact: Artifact,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
    *,
    layout: LatentLayout | None = None,
) -> Artifact:
    """Fit what the artifact's kind needs beyond its weights: probabilities on pictures that training never
    saw, a prior on those that the latents were made from."""
    if artifact.manifest.kind == "classifier":
        return calibrate(artifact, split, photographs, console)
    return add_prior(artifact, split.train, layout=layout) if artifact.manifest.variational else artifact


def available_photographs() -> PhotographSplit | None:
    """The photographs by sender, or None where no folder of them is named."""
    try:
        return split_by_sender(load_photographs())
    except DatasetError:
        return None
