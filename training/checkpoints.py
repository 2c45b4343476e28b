"""Two checkpoints a run: the last epoch, to continue from, and the best on validation, to keep.

Lightning's own ModelCheckpoint writes no last checkpoint in an epoch that is not among the best, remembers
absolute paths, and can leave a torn file when it is killed while writing; an interrupted run needs all three.
"""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from training.runs import RunFolder, write_json
from training.systems import System


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that are either complete or not there: written beside, then renamed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint; an interruption leaves the one before."""
        temporary = Path(f"{path}.partial")
        super().save_checkpoint(checkpoint, temporary, storage_options)
        temporary.replace(path)


def keep_as_it_is(system: System, folder: RunFolder) -> None:
    """Leave a system's weights as the best of a run without epochs."""
    weights = {f"system.{name}": value for name, value in system.state_dict().items()}
    WholeFiles().save_checkpoint({"state_dict": weights}, folder.best_checkpoint)
    write_json(folder.history_file, [])


class KeepBestAndLast(Checkpoint):
    """After every epoch: always `last.ckpt`, and `best.ckpt` when `monitor` is lower than ever before.

    With `latest` each epoch counts as better than the one before, for runs that nothing is left to judge.
    """

    def __init__(self, folder: RunFolder, monitor: str, *, latest: bool = False) -> None:
        self.folder = folder
        self.monitor = monitor
        self.latest = latest
        self.best_value = float("inf")
        self.best_epoch = 0

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save; called after validation."""
        value = float(trainer.callback_metrics[self.monitor])
        if self.latest or value < self.best_value:
            self.best_value, self.best_epoch = value, trainer.current_epoch + 1
            trainer.save_checkpoint(self.folder.best_checkpoint)
        trainer.save_checkpoint(self.folder.last_checkpoint)

    def state_dict(self) -> dict[str, Any]:
        """What `last.ckpt` remembers of the best."""
        return {"best_value": self.best_value, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from `last.ckpt`."""
        self.best_value, self.best_epoch = state_dict["best_value"], state_dict["best_epoch"]
