"""One `train` command from start to artifact: data, fit, the summary of both splits, export and
calibration."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from fashion.errors import InvalidValue
from training.batches import Pictures
from training.distribution import Processes
from training.finishing import finish
from training.fitting import FitResult, fit
from training.foundations import check_uses, copy_uses, part_settings, trained_already
from training.machine import Machine
from training.networks.classifiers import num_parameters
from training.progress import ShowProgress
from training.recipes.recipe import Recipe
from training.runs import RunFolder, RunSettings, write_json
from training.senders import PhotographSplit
from training.sources import load_pictures
from training.splits import Split
from training.systems import System
from training.watching import watchers

# Pictures of the training split that the summary evaluates: a standard error of 0.3 point is enough to name a
# gap.
_SUMMARY_PICTURES = 10_000


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What to train, and where to leave it."""

    recipe: Recipe
    machine: Machine
    folder: Path
    seed: int = 0
    resume: bool = False
    limit: int | None = None
    uses: Mapping[str, Path] = field(default_factory=dict)
    """Finished runs to take, by the part that they play, instead of training them (`foundations.py`)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of the kept weights, both splits evaluated after training and without augmentation."""

    train: dict[str, float]
    validation: dict[str, float]

    @property
    def generalisation_gap(self) -> dict[str, float]:
        """Validation less training, for every term."""
        return {name: self.validation[name] - self.train[name] for name in self.train}


def train(
    request: TrainRequest, split: Split, photographs: PhotographSplit | None, console: Console
) -> RunFolder:
    """Train as asked and leave a run folder with a complete artifact, if the system makes one by itself.

    What the recipe builds on is trained first, what joins its artifact last. Of several processes that train
    together, the first one finishes the run.
    Raises InvalidValue where the folder or a run to use does not fit the request and DatasetError where
    photographs are needed and not there, both before anything is written, and Interrupted on Ctrl-C.
    """
    recipe, machine = request.recipe, request.machine
    if not (recipe.optimisation.epochs or recipe.builds_on):
        raise InvalidValue(
            f"No epochs keep what a recipe builds on, and {recipe.name} builds on nothing: train for some.",
            field="epochs",
        )
    training, validation = load_pictures(recipe, split, photographs)
    training = training.head(request.limit or len(training))
    settings = RunSettings.of(recipe, seed=request.seed, precision=machine.precision, limit=request.limit)
    check_uses(recipe, request.uses, settings)
    processes = Processes.of_environment()
    if recipe.parts and processes.count > 1:
        raise InvalidValue(
            f"{recipe.name} trains {', '.join(recipe.parts)} as well, which one process does: start the "
            f"command without torch's launcher.",
            field="recipe",
        )
    is_first = processes.is_first
    folder = _open_folder(request, settings) if is_first else RunFolder(request.folder)
    foundations = _train_foundations(request, folder, split, photographs, console)
    _announce(request, folder, len(training), len(validation), console)
    result = fit(
        recipe,
        training,
        validation,
        folder,
        seed=request.seed,
        machine=machine,
        resume=request.resume,
        callbacks=[ShowProgress(console), *watchers(console)],
        foundations=foundations,
    )
    if not is_first:
        return folder
    system = folder.load_system()
    summary = summarise(system, training.head(_SUMMARY_PICTURES), validation, machine)
    write_json(folder.summary_file, _summary_record(request, result, summary))
    _show_summary(result, summary, console)
    if system.stands_alone:
        _train_joined(request, folder, split, photographs, console)
        finish(folder, split, photographs, console)
    return folder


def _open_folder(request: TrainRequest, settings: RunSettings) -> RunFolder:
    return (RunFolder.resume if request.resume else RunFolder.start)(request.folder, settings)


def _train_foundations(
    request: TrainRequest,
    folder: RunFolder,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
) -> dict[str, System]:
    """Train what the recipe builds on, as far as that is not done yet, and load it."""
    copy_uses(folder, request.uses)
    return {
        part: _trained_part(request, folder, part, split, photographs, console).load_system()
        for part in request.recipe.builds_on
    }


def _train_joined(
    request: TrainRequest,
    folder: RunFolder,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
) -> None:
    """Train the network that answers for photographs beside this one, if the recipe names one and there are
    photographs to train it with."""
    for part in request.recipe.joins:
        if photographs is not None:
            _trained_part(request, folder, part, split, photographs, console)
            continue
        console.print(
            f"No {part} are at hand, so the artifact answers for network inputs alone: set "
            f"FASHION_PHOTOS_DIR, and the same command with --out {folder.path} --resume adds them.",
            highlight=False,
            soft_wrap=True,
        )


def _trained_part(
    request: TrainRequest,
    folder: RunFolder,
    part: str,
    split: Split,
    photographs: PhotographSplit | None,
    console: Console,
) -> RunFolder:
    """The run of a part inside `folder`, trained unless it has been."""
    recipe, run = request.recipe.parts[part], folder.foundation(part)
    if not run.has_ended:
        settings = part_settings(recipe, folder.read_settings())
        own = replace(
            request,
            recipe=recipe,
            folder=run.path,
            seed=settings.seed,
            resume=run.path.exists(),
            uses=trained_already(folder, recipe, settings),
        )
        train(own, split, photographs, console)
    return run


def summarise(system: System, training: Pictures, validation: Pictures, machine: Machine) -> Summary:
    """Evaluate both splits in the same way."""
    return Summary(_terms(system, training, machine), _terms(system, validation, machine))


def _terms(system: System, pictures: Pictures, machine: Machine) -> dict[str, float]:
    """Every validation term as a mean over the pictures, in the run's precision."""
    device = torch.device(machine.device)
    system = system.to(device).eval()
    sums: dict[str, float] = {}
    autocast = torch.autocast(machine.device, torch.bfloat16, enabled=machine.precision == "bf16")
    with torch.no_grad(), autocast, torch.random.fork_rng():
        torch.manual_seed(0)
        for batch in pictures.to(device).in_order():
            for name, value in system.validation_terms(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
    system.cpu()
    return {name: total / len(pictures) for name, total in sums.items()}


def _announce(
    request: TrainRequest, folder: RunFolder, num_training: int, num_validation: int, console: Console
) -> None:
    machine = request.machine
    network = num_parameters(request.recipe.system.build().network)
    console.print(f"[bold]{request.recipe.name}[/]: {request.recipe.summary}", highlight=False)
    console.print(
        f"{network:,} parameters, {num_training:,} pictures to train and {num_validation:,} to validate, "
        f"seed {request.seed}, {machine.device} in {machine.precision}, {torch.get_num_threads()} threads",
        highlight=False,
    )
    console.print(f"run folder: {folder.path}", highlight=False, soft_wrap=True)
    console.print(f"watch it:   tensorboard --logdir {folder.tensorboard}", highlight=False, soft_wrap=True)


def _summary_record(request: TrainRequest, result: FitResult, summary: Summary) -> dict[str, Any]:
    return {
        "recipe": request.recipe.name,
        "seed": request.seed,
        "epochs": len(result.history),
        "best_epoch": result.best_epoch,
        "seconds": round(result.seconds, 1),
        "device": request.machine.device,
        "precision": request.machine.precision,
        "train": summary.train,
        "validation": summary.validation,
        "generalisation_gap": summary.generalisation_gap,
    }


def _show_summary(result: FitResult, summary: Summary, console: Console) -> None:
    kept = f"best epoch {result.best_epoch} of {len(result.history)}, after {result.seconds:.1f} s"
    table = Table(title=kept if result.history else "kept as it was built")
    for column in ("term", "train", "validation", "generalisation gap"):
        table.add_column(column, justify="left" if column == "term" else "right")
    for name, gap in summary.generalisation_gap.items():
        table.add_row(name, f"{summary.train[name]:.4f}", f"{summary.validation[name]:.4f}", f"{gap:+.4f}")
    console.print(table)
