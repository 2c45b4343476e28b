"""What TensorBoard shows of a run beside its scalars.

After every epoch pictures and histograms of the weights, whose course TensorBoard draws as distributions as
well; at the start the graph; at the end precision-recall curves, the confusion matrix and the
hyperparameters. The costly ones come once, so that watching a run does not slow it down.
"""

import warnings
from typing import Any, Final

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from fashion.labels import LABELS
from training.figures.classification import confusion_matrix
from training.figures.style import style
from training.fitting import Fitting
from training.looking import at_rest, decoded, probabilities, reconstructed, sampled_latent
from training.recipes.overrides import flat_settings
from training.systems import Batch, System

_NUM_SHOWN: Final = 16


class TensorBoardExtras(Callback):
    """Writes beside the scalars of the run's own logger; does nothing without one."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The graph, and the pictures that later ones are compared with."""
        writer = _writer(trainer)
        if writer is None or not isinstance(pl_module, Fitting) or trainer.global_step:
            return
        batch = _first_pictures(pl_module)
        writer.add_images("pictures/original", batch.images[:, None], 0)
        with at_rest(pl_module.system), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the tracer says of shapes is not for users of our commands
            writer.add_graph(_OneTensor(pl_module.system), batch.images[:2])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Pictures of this epoch, and histograms of every weight."""
        writer = _writer(trainer)
        if writer is None or not isinstance(pl_module, Fitting):
            return
        step = trainer.global_step
        for name, parameter in pl_module.system.named_parameters():
            writer.add_histogram(name.replace(".", "/"), parameter.detach().float().cpu(), step)
        if pl_module.system.kind == "autoencoder":
            with at_rest(pl_module.system):
                _add_decoded(writer, pl_module.system, _first_pictures(pl_module).images, step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Curves, the matrix and the hyperparameters, of the last epoch's weights."""
        writer = _writer(trainer)
        if writer is None or not isinstance(pl_module, Fitting) or not pl_module.history:
            return
        if pl_module.system.kind == "classifier":
            with at_rest(pl_module.system):
                _add_answers(writer, pl_module, trainer.global_step)
        _add_hyperparameters(writer, pl_module)
        writer.flush()


class _OneTensor(nn.Module):
    """A system's network as the graph shows it: pictures in, logits or decoded pictures out."""

    def __init__(self, system: System) -> None:
        super().__init__()
        self.network = system.network
        self.is_autoencoder = system.kind == "autoencoder"

    def forward(self, images: Tensor) -> Tensor:
        """Images Float (batch, 28, 28)."""
        if self.is_autoencoder:
            return reconstructed(self.network, images)
        logits: Tensor = self.network(images).logits
        return logits


def _writer(trainer: pl.Trainer) -> SummaryWriter | None:
    module = trainer.lightning_module
    if not trainer.is_global_zero or not isinstance(trainer.logger, TensorBoardLogger):
        return None
    if isinstance(module, Fitting) and _first_pictures(module).images.ndim != 3:
        return None  # photographs in colour are no network inputs
    writer: SummaryWriter = trainer.logger.experiment
    return writer


def _first_pictures(module: Fitting) -> Batch:
    return next(module.data.validation.in_order(_NUM_SHOWN))


def _add_decoded(writer: SummaryWriter, system: System, images: Tensor, step: int) -> None:
    remade = reconstructed(system.network, images)
    writer.add_images("pictures/reconstructed", remade[:, None], step)
    latents = torch.cat([sampled_latent(system, images[place:], place) for place in range(len(images) - 1)])
    writer.add_images("pictures/sampled", decoded(system.network, latents)[:, None], step)


def _add_answers(writer: SummaryWriter, module: Fitting, step: int) -> None:
    """Of the validation split."""
    batches = list(module.data.validation.in_order())
    said = torch.cat([probabilities(module.system.network, batch.images) for batch in batches]).cpu()
    labels = torch.cat([batch.labels for batch in batches]).cpu()
    for index, name in enumerate(LABELS):
        writer.add_pr_curve(f"precision and recall/{name}", labels == index, said[:, index], step)
    with style():
        figure = confusion_matrix(labels.numpy(), said.argmax(dim=1).numpy(), "validation pictures")
        writer.add_figure("confusion matrix", figure, step)


def _add_hyperparameters(writer: SummaryWriter, module: Fitting) -> None:
    settings = {name: _plain(value) for name, value in flat_settings(module.recipe).items()}
    last = module.history[-1]
    figures = {name: value for name, value in last.items() if name.startswith("validation/")}
    record: Any = hparams  # untyped where it comes from, as is the writer below it
    events: Any = writer.file_writer
    for summary in record({"recipe": module.recipe.name, "seed": module.seed, **settings}, figures):
        events.add_summary(summary)
    for name, value in figures.items():
        writer.add_scalar(name, value, module.global_step)


def _plain(value: Any) -> bool | int | float | str:
    return value if isinstance(value, bool | int | float | str) else str(value)
