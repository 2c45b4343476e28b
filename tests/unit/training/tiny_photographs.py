"""Photographs that a tiny network learns in seconds: each group is a colour, on floors of many greys."""

from pathlib import Path

import numpy as np
from PIL import Image

from training.photographs import GROUPS, Photograph
from training.senders import PhotographSplit

TINY_PHOTOGRAPHS = (
    "view_side=32",
    "blocks=1",
    "frozen_blocks=0",
    "dropout=0",
    "batch_size=16",
    "pictures_per_epoch=160",
    "average_decay=0.9",
    "learning_rate=2e-2",
)
"""Settings that make the photographs' recipe small; colours stay as they are, being all there is to see."""

COLOURS = {
    "T-shirt/top": (220, 30, 30),
    "Trouser": (30, 200, 30),
    "Pullover": (30, 30, 220),
    "Dress": (220, 220, 30),
    "Coat": (30, 220, 220),
    "Shirt": (220, 30, 220),
    "footwear": (20, 20, 20),
}
OTHER_COLOUR = (255, 160, 90)


def tiny_photographs(folder: Path) -> PhotographSplit:
    """Write some pictures into `folder`: twelve senders to train, six to calibrate and six to validate."""
    folder.mkdir(parents=True)
    return PhotographSplit(
        train=_by_senders(folder, range(12)),
        calibration=_by_senders(folder, range(12, 18)),
        validation=_by_senders(folder, range(18, 24)),
        other=tuple(_photograph(folder, "other", sender, OTHER_COLOUR) for sender in range(24, 28)),
    )


def _by_senders(folder: Path, senders: range) -> tuple[Photograph, ...]:
    return tuple(_photograph(folder, group, sender, COLOURS[group]) for sender in senders for group in GROUPS)


def _photograph(folder: Path, label: str, sender: int, colour: tuple[int, int, int]) -> Photograph:
    """A garment in the middle of an upright picture."""
    random = np.random.default_rng([sender, sum(map(ord, label))])
    pixels = np.full((80, 60, 3), 90 + 6 * sender, dtype=np.uint8)
    top, left = random.integers(10, 25), random.integers(8, 16)
    pixels[top : top + 45, left : left + 35] = colour
    path = folder / f"{label.replace('/', '-')}-{sender}.png"
    Image.fromarray(pixels).save(path)
    return Photograph(path, label, label, sender)
