"""The training loop: one for every system (see `systems.py`), run by Lightning's Trainer.

Ours is what decides the result: the order of the pictures, the randomness, the schedule, what is kept.
Lightning's is what is easy to get wrong: devices, autocast, the state of optimiser and loops in a checkpoint,
signals. Everything random is a function of (seed, epoch, step), so a run that was interrupted ends exactly as
if it had not been.
"""

import logging
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from training.batches import EpochBatches, Pictures, SharedPictures, TrainingPictures, derived_seed
from training.checkpoints import KeepBestAndLast, WholeFiles, keep_as_it_is
from training.distribution import Processes
from training.machine import Machine
from training.optimisation import AveragedWeights, build_optimiser, learning_rate_share
from training.recipes.recipe import Recipe
from training.runs import RunFolder, build_system, write_json
from training.systems import Batch, System, Terms

_NOISE_STREAM = 1 << 21  # beyond any epoch number: dropout and sampling share no stream with shuffling
_VALIDATION_STREAM = _NOISE_STREAM + 1
_LOOKED_AT = 2_048  # training pictures that a system may see before the first step

EpochRow = dict[str, float]
"""One epoch's figures: `epoch`, `seconds`, `learning_rate`, and every term as `train/…` and
`validation/…`."""


class Interrupted(Exception):
    """Training was stopped from outside after `epochs_done` whole epochs of `recipe`, which may be a part."""

    def __init__(self, recipe: str, epochs_done: int) -> None:
        super().__init__(f"training of {recipe} was interrupted after {epochs_done} whole epochs")
        self.recipe = recipe
        self.epochs_done = epochs_done


@dataclass(frozen=True, slots=True)
class FitResult:
    """How a run ended."""

    history: list[EpochRow]
    best_epoch: int
    """Counted from 1."""
    best_value: float
    seconds: float
    """Wall time of all parts of the run together."""


class Fitting(pl.LightningModule):
    """A system as Lightning wants to see it."""

    def __init__(
        self, recipe: Recipe, system: System, training: TrainingPictures, validation: Pictures, seed: int
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.system = system
        self.data = SharedPictures(training, validation)
        self.seed = seed
        self.processes = Processes.of_environment()
        self.history: list[EpochRow] = []
        self.seconds_before = 0.0
        self._started = time.perf_counter()
        self._sums: dict[str, _RunningMean] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the training pictures."""
        return len(self.train_dataloader())

    @property
    def seconds(self) -> float:
        """Wall time so far, of all parts of the run."""
        return self.seconds_before + time.perf_counter() - self._started

    def on_fit_start(self) -> None:
        """Move the pictures to the device once, rather than batch by batch."""
        self.data.to(self.device)

    def train_dataloader(self) -> EpochBatches:
        """The current epoch's batches; asked for anew in every epoch."""
        recipe = self.recipe
        return self.data.training.epoch(
            recipe.augmentation, recipe.optimisation, self.seed, self.current_epoch
        )

    def val_dataloader(self) -> list[int]:
        """One element: the whole split, which `validation_step` walks through on the device."""
        return [0]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Nothing to do: the pictures are there already."""
        return batch

    def on_train_epoch_start(self) -> None:
        """Seed what networks draw themselves (dropout, latents)."""
        self._sums = {}
        own = [self.processes.rank] if self.processes.rank else []
        torch.manual_seed(derived_seed(self.seed, _NOISE_STREAM, self.current_epoch, *own))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step's objective."""
        batch = self.processes.share_of(batch)
        num_steps = self.recipe.optimisation.epochs * self.steps_per_epoch
        terms = self.system.training_terms(batch, self.global_step / num_steps)
        self._add("train", terms, len(batch))
        if self.logger is not None:
            scalars = {f"step/{name}": float(value.detach()) for name, value in terms.items()}
            self.logger.log_metrics(
                {**scalars, "step/learning_rate": self._learning_rate()}, self.global_step
            )
        return terms["total"]

    def on_validation_epoch_start(self) -> None:
        """Seed validation by itself: the same noise in every epoch, and none taken from training."""
        torch.manual_seed(derived_seed(self.seed, _VALIDATION_STREAM))

    def validation_step(self, batch: int, batch_idx: int) -> None:
        """All terms over the validation split."""
        for part in self.data.validation.in_order():
            self._add("validation", self.system.validation_terms(part), len(part))
        monitored = f"validation/{self.system.monitor}"
        self.log(monitored, self._sums[monitored].mean(), batch_size=1)

    def on_validation_epoch_end(self) -> None:
        """Write the epoch down; validation is its last part."""
        reduce = self.trainer.strategy.reduce  # the mean over all processes
        terms = {name: float(reduce(value.mean())) for name, value in self._sums.items()}
        row = {
            "epoch": self.current_epoch + 1,
            "seconds": self.seconds,
            "learning_rate": self._learning_rate(),
        }
        self.history.append({**row, **terms})
        if self.logger is not None:
            self.logger.log_metrics(
                {f"epoch/{name}": value for name, value in terms.items()}, self.global_step
            )

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser with its schedule, which moves with every step."""
        optimisation = self.recipe.optimisation
        optimiser = build_optimiser(self.system, optimisation, self.system.learning_rate_shares)
        share = learning_rate_share(optimisation, optimisation.epochs * self.steps_per_epoch)
        return [optimiser], [{"scheduler": LambdaLR(optimiser, share), "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history, so that a resumed run has all of it."""
        checkpoint["history"], checkpoint["seconds"] = self.history, self.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history up again."""
        self.history, self.seconds_before = list(checkpoint["history"]), checkpoint["seconds"]

    def _learning_rate(self) -> float:
        return float(self.trainer.optimizers[0].param_groups[0]["lr"])

    def _add(self, split: str, terms: Terms, count: int) -> None:
        for name, value in terms.items():
            self._sums.setdefault(f"{split}/{name}", _RunningMean()).add(value.detach(), count)


def fit(
    recipe: Recipe,
    training: TrainingPictures,
    validation: Pictures,
    folder: RunFolder,
    *,
    seed: int,
    machine: Machine,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    foundations: Mapping[str, System] | None = None,
) -> FitResult:
    """Train from the beginning, or from the folder's last checkpoint, to the end.

    `foundations` are the trained systems that the recipe builds on; with no epoch to train, what they make is
    kept as it is.
    Leaves `best.ckpt`, `last.ckpt`, `history.json` and TensorBoard scalars in the folder. Raises Interrupted
    on Ctrl-C, with `last.ckpt` of the last whole epoch in place.
    """
    _quieten()
    processes = Processes.of_environment()
    processes.check(recipe.optimisation.batch_size)
    system = build_system(recipe, seed)
    system.build_on(foundations or {})
    system.look_at(training.head(_LOOKED_AT).in_order())
    if not recipe.optimisation.epochs:
        keep_as_it_is(system, folder)
        return FitResult([], 0, float("nan"), 0.0)
    module = Fitting(recipe, system, training, validation, seed)
    module.to(memory_format=torch.channels_last)
    latest = recipe.optimisation.refit or recipe.optimisation.keep_last
    keeper = KeepBestAndLast(folder, f"validation/{module.system.monitor}", latest=latest)
    extra = _extra_callbacks(recipe, keeper.monitor)
    trainer = _build_trainer(recipe, folder, machine, processes, [*callbacks, *extra, keeper])
    checkpoint = folder.last_checkpoint if resume and folder.last_checkpoint.exists() else None
    try:
        with _own_interrupts():
            trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as stop:  # what Lightning makes of Ctrl-C
        raise Interrupted(recipe.name, len(module.history)) from stop
    finally:
        if module.processes.is_first:
            write_json(folder.history_file, module.history)
    return FitResult(module.history, keeper.best_epoch, keeper.best_value, module.seconds)


def _build_trainer(
    recipe: Recipe,
    folder: RunFolder,
    machine: Machine,
    processes: Processes,
    callbacks: list[Callback],
) -> pl.Trainer:
    return pl.Trainer(
        accelerator="gpu" if machine.device == "cuda" else "cpu",
        devices=processes.per_machine,
        num_nodes=processes.machines,
        strategy="ddp" if processes.count > 1 else "auto",
        sync_batchnorm=processes.count > 1 and machine.device == "cuda",
        precision="bf16-mixed" if machine.precision == "bf16" else "32-true",
        max_epochs=recipe.optimisation.epochs,
        gradient_clip_val=recipe.optimisation.gradient_clip or None,
        logger=TensorBoardLogger(folder.path, name=folder.tensorboard.name, version=""),
        callbacks=callbacks,
        plugins=[WholeFiles()],
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _extra_callbacks(recipe: Recipe, monitor: str) -> list[Callback]:
    callbacks: list[Callback] = []
    if recipe.optimisation.average_decay:
        callbacks.append(AveragedWeights(recipe.optimisation.average_decay))
    if recipe.optimisation.patience:
        patience = recipe.optimisation.patience
        callbacks.append(EarlyStopping(monitor, patience=patience, mode="min", check_on_train_epoch_end=True))
    return callbacks


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Give Ctrl-C back to the caller: Lightning leaves it ignored once it was used."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _quieten() -> None:
    """Lightning's hints about its own options are not for users of our commands."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")


class _RunningMean:
    """A mean over pictures that stays on the device until it is asked for."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.count = 0

    def add(self, value: Tensor, count: int) -> None:
        self.total = self.total + value.float() * count
        self.count += count

    def mean(self) -> Tensor:
        return torch.as_tensor(self.total) / self.count
