"""Pictures in the terminal, two pixels a character: what a run shows of itself after every epoch.

A character cell is about twice as high as it is wide, so the upper half block with its own colour above and
the background's below makes two square pixels. Without colours, shades of grey blocks stand for pairs of
pixels.
"""

from collections.abc import Sequence
from typing import Final

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from fashion.labels import LABELS
from training.fitting import Fitting
from training.looking import at_rest, decoded, probabilities, reconstructed, sampled_latent
from training.systems import Batch, System

Image = NDArray[np.float32]

_UPPER_HALF: Final = "▀"
_SHADES: Final = " ░▒▓█"
_GAP: Final = 2


def half_blocks(image: Image, *, colours: bool = True) -> Text:
    """An image (height, width) on [0, 1] as half as many lines of text; an odd last row is doubled."""
    if len(image) % 2:
        image = np.concatenate([image, image[-1:]])
    text = Text(no_wrap=True)
    for upper, lower in zip(image[::2], image[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            if colours:
                text.append(_UPPER_HALF, Style(color=_grey(above), bgcolor=_grey(below)))
            else:
                text.append(_SHADES[round(float(np.clip((above + below) / 2, 0, 1)) * (len(_SHADES) - 1))])
        text.append("\n")
    return text


def beside(images: Sequence[Image]) -> Image:
    """Images of one height next to each other, with a gap of black."""
    gap = np.zeros((images[0].shape[0], _GAP), dtype=np.float32)
    parts: list[Image] = []
    for image in images:
        parts += [gap, image]
    return np.concatenate(parts[1:], axis=1)


class PreviewAfterEpoch(Callback):
    """Prints pictures after every epoch: of an autoencoder a sample, and an original with its reconstruction.

    Of a classifier, pictures with their predicted labels. Another picture of the validation split each time.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show and tell; the module is left as it was."""
        if not isinstance(pl_module, Fitting) or not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch
        batch = next(pl_module.data.validation.in_order(64))
        if batch.images.ndim != 3:  # photographs in colour are no network inputs
            return
        with at_rest(pl_module.system):
            images, caption = preview(pl_module.system, batch, epoch)
        if self.console.width < images.shape[1]:
            return
        self.console.print(caption, highlight=False)
        self.console.print(half_blocks(images, colours=self.console.color_system is not None), end="")


def preview(system: System, batch: Batch, number: int) -> tuple[Image, str]:
    """Pictures side by side and what they are, for the epoch of that number."""
    start = 2 * number % (len(batch) - 1)
    images = batch.images[start : start + 2]
    if system.kind == "autoencoder":
        sample = decoded(system.network, sampled_latent(system, images, number))[0]
        remade = reconstructed(system.network, images[:1])[0]
        shown = [sample, images[0], remade]
        caption = "a decoded sample; an original, and its reconstruction"
    else:
        said = probabilities(system.network, images).max(dim=1)
        shown = list(images)
        labels = batch.labels[start : start + 2].tolist()
        answers = zip(said.indices.tolist(), said.values.tolist(), labels, strict=True)
        caption = "; ".join(
            f"{LABELS[guess]} {share:.0%} (is {LABELS[label]})" for guess, share, label in answers
        )
    return beside([image.float().cpu().numpy() for image in shown]), caption


def _grey(value: float) -> Color:
    level = round(float(np.clip(value, 0, 1)) * 255)
    return Color.from_rgb(level, level, level)
