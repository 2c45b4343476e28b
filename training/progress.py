"""What a person sees while a run trains: one bar for the epoch in hand, and a line for each that is done."""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn

from training.fitting import EpochRow, Fitting


class ShowProgress(Callback):
    """A bar over all steps of the run with the time left, and a line of loss terms after every epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeLeftColumn(),
            console=console,
            transient=True,
        )
        self._task = TaskID(0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar, where the run stands."""
        total = (trainer.max_epochs or 0) * int(trainer.num_training_batches)
        self._task = self._progress.add_task(
            "", total=total, completed=trainer.global_step, epoch=trainer.current_epoch + 1, loss="…"
        )
        self._progress.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar; the loss is read only now and then, because on a GPU reading it means waiting."""
        fields: dict[str, Any] = {"epoch": f"{trainer.current_epoch + 1}/{trainer.max_epochs}"}
        if batch_idx % 10 == 0:
            fields["loss"] = f"{float(outputs['loss']):.4f}"
        self._progress.update(self._task, completed=trainer.global_step, **fields)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the epoch's line; its row was written after validation."""
        if isinstance(pl_module, Fitting):
            line = epoch_line(pl_module.history[-1], trainer.max_epochs or 0)
            self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the bar away."""
        self._progress.stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back."""
        self._progress.stop()


def epoch_line(row: EpochRow, num_epochs: int) -> str:
    """One epoch in a line: every term, training beside validation."""
    names = [name.removeprefix("validation/") for name in row if name.startswith("validation/")]
    terms = ", ".join(
        f"{name} {_pair(row.get(f'train/{name}'), row[f'validation/{name}'])}" for name in names
    )
    return f"epoch {row['epoch']:.0f}/{num_epochs}, {row['seconds']:.0f} s, train | validation: {terms}"


def _pair(train: float | None, validation: float) -> str:
    return f"{'-' if train is None else format(train, '.4f')} | {validation:.4f}"
