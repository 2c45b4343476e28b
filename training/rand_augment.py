"""RandAugment (Cubuk et al. 2019, arXiv:1909.13719), of its operations those that leave a garment what it is.

Solarising, posterising and equalising are left out: on a grey garment on black they invent patterns. All
pictures of a batch are changed at once, each by operations of its own: moves, rotations and shears become one
affine map, so that the picture is sampled once however many there are, and tones come after it.
"""

import math
from typing import Final

import torch
from torch import Generator, Tensor
from torch.nn import functional

OPERATIONS: Final = (
    "identity",
    "rotate",
    "shear x",
    "shear y",
    "move x",
    "move y",
    "brightness",
    "contrast",
)
_ROTATION: Final = math.radians(30)
_SHEAR: Final = 0.3
_MOVE: Final = 0.9  # of half a side, as coordinates run from -1 to 1
_TONE: Final = 0.9  # how much brighter or darker, or with more or less contrast


def rand_augment(images: Tensor, count: int, magnitude: float, generator: Generator) -> Tensor:
    """Change each of UInt8 (batch, side, side) by `count` operations, drawn with replacement.

    `magnitude` is from 0, which changes nothing, to 1, the strongest that the paper tries; the sign is drawn.
    """
    size = (count, len(images))
    drawn = torch.randint(len(OPERATIONS), size, generator=generator, device=images.device)
    signs = torch.randint(2, size, generator=generator, device=images.device) * 2 - 1
    amounts = {name: (drawn == place) * signs * magnitude for place, name in enumerate(OPERATIONS)}
    return changed_by(images, amounts)


def changed_by(images: Tensor, amounts: dict[str, Tensor]) -> Tensor:
    """UInt8 (batch, side, side), changed by each operation's amounts (count, batch) from -1 to 1; where they
    are 0, it does nothing."""
    moved = _moved(images.float(), amounts)
    brighter = moved * (1 + _TONE * amounts["brightness"]).prod(dim=0)[:, None, None]
    mean = brighter.mean(dim=(1, 2), keepdim=True)
    contrast = (1 + _TONE * amounts["contrast"]).prod(dim=0)[:, None, None]
    return (mean + contrast * (brighter - mean)).round().clamp(0, 255).to(torch.uint8)


def _moved(images: Tensor, amounts: dict[str, Tensor]) -> Tensor:
    """Sampled bilinearly where the affine map of all operations says; black comes in from outside."""
    batch, device = len(images), images.device
    maps = torch.eye(3, device=device).repeat(batch, 1, 1)
    for turn in range(len(amounts["rotate"])):
        angle = _ROTATION * amounts["rotate"][turn]
        step = torch.zeros(batch, 3, 3, device=device)
        step[:, 0, 0] = step[:, 1, 1] = torch.cos(angle)
        step[:, 0, 1] = _SHEAR * amounts["shear x"][turn] - torch.sin(angle)
        step[:, 1, 0] = _SHEAR * amounts["shear y"][turn] + torch.sin(angle)
        step[:, 0, 2] = _MOVE * amounts["move x"][turn]
        step[:, 1, 2] = _MOVE * amounts["move y"][turn]
        step[:, 2, 2] = 1
        maps = maps @ step
    grid = functional.affine_grid(maps[:, :2], [batch, 1, *images.shape[1:]], align_corners=False)
    return functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
