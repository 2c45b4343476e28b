"""Photographs made up from Fashion-MNIST: coloured, patterned garments lying on made-up or borrowed floors.

They teach the network for photographs the silhouettes of sixty thousand garments before it sees a thousand
real ones, and they alone tell it a bag, and a sandal from a sneaker from an ankle boot: photographs say
"footwear".
"""

import math
from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Generator, Tensor
from torch.nn import functional

from training.photograph_augmentation import (
    Draws,
    PhotographAugmentation,
    degraded,
    mirrored,
    pixel_centres,
    recoloured,
    warped_grid,
)

_PADDING = 2  # black pixels around a network input, so that its silhouette closes at the edge
_DARKEST_GARMENT = 8  # of 255
_SILHOUETTES_AT_ONCE = 1_000  # few enough to stay in the processor's cache
_PATTERN_KINDS = 7

_WARP: Final = PhotographAugmentation(
    smallest_zoom=0.9, largest_zoom=1.7, turn_radians=0.3, shift=0.15, stretch=0.15, perspective=0.12
)
"""How garments lie before a camera; a network input is filled to its edges, so most become smaller."""


def silhouettes(images: Tensor) -> Tensor:
    """Which pixels of network inputs are garment, its gaps and holes filled: UInt8 (count, 28, 28), 0 or 1.

    Closing and filling are those of mathematical morphology, with the four neighbours of a pixel.
    """
    return torch.cat([_filled(part) for part in torch.split(images, _SILHOUETTES_AT_ONCE)])


def _filled(images: Tensor) -> Tensor:
    """What cannot be reached from the picture's edge once gaps of a pixel are closed."""
    garment = functional.pad(images > _DARKEST_GARMENT, (_PADDING,) * 4)
    around = _grown(~_grown(garment))
    outside = torch.ones_like(around)
    outside[:, 1:-1, 1:-1] = False
    while not torch.equal(reached := _grown(outside) & around, outside):
        outside = reached
    inner = slice(_PADDING, -_PADDING)
    return (~outside)[:, inner, inner].to(torch.uint8)


def _grown(masks: Tensor) -> Tensor:
    """Masks Bool (count, height, width) with the four neighbours of every pixel that is set."""
    grown = masks.clone()
    grown[:, 1:] |= masks[:, :-1]
    grown[:, :-1] |= masks[:, 1:]
    grown[:, :, 1:] |= masks[:, :, :-1]
    grown[:, :, :-1] |= masks[:, :, 1:]
    return grown


@dataclass(frozen=True, slots=True)
class Simulator:
    """Network inputs with their silhouettes and labels, from which photographs are simulated."""

    images: Tensor
    """UInt8 (count, 28, 28)."""
    masks: Tensor
    """UInt8 (count, 28, 28), 0 or 1: see `silhouettes`."""
    labels: Tensor
    """Int64 (count,)."""
    backgrounds: Tensor
    """UInt8 (any, 3, height, width): corners of training photographs."""
    side: int
    """Pixels a side of the views that are made."""
    borrowed: float = 0.6
    """Share of the backgrounds that are such corners; the others are made up."""

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return replace(
            self,
            images=self.images.to(device),
            masks=self.masks.to(device),
            labels=self.labels.to(device),
            backgrounds=self.backgrounds.to(device),
        )

    def draw(self, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Simulated photographs Float (count, 3, side, side) on [0, 1], and their labels (count,)."""
        draws = Draws(count, generator)
        chosen = draws.indices(len(self.images))
        garments, alpha = cut_out(self.images[chosen], self.masks[chosen], self.side, draws)
        pictures = laid_on(garments, alpha, self._floors(draws), draws)
        return degraded(letterboxed(pictures, draws), draws), self.labels[chosen]

    def _floors(self, draws: Draws) -> Tensor:
        made_up = texture(self.side, 0.3, draws)
        found = self.backgrounds[draws.indices(len(self.backgrounds))].float() / 255
        found = functional.interpolate(found, size=made_up.shape[2:], mode="bilinear", align_corners=False)
        return torch.where(draws.happens(self.borrowed), recoloured(found, 0.6, draws), made_up)


def cut_out(images: Tensor, masks: Tensor, side: int, draws: Draws) -> tuple[Tensor, Tensor]:
    """Garments in colour (batch, 3, side, side) and how opaque they are (batch, 1, side, side)."""
    stacked = torch.stack([images.float() / 255, masks.float()], dim=1)
    grid = mirrored(warped_grid(draws, side, _WARP), draws)
    warped = functional.grid_sample(
        functional.pad(stacked, (_PADDING,) * 4), grid, padding_mode="zeros", align_corners=False
    )
    grey, mask = warped[:, :1], warped[:, 1:]
    alpha = torch.sigmoid(14 * (mask - 0.5))
    relief = _centred(grey / (mask + 0.05), alpha) * torch.where(draws.happens(0.5), -1.0, 1.0)
    cloth = texture(side, 0.6, draws) + relief * draws.uniform(0.3, 1.3) * (0.5 + 0.5 * colours(draws))
    folds = 1 + draws.uniform(0, 0.5) * (_clouds(draws, side, 7) - 0.5)
    return (cloth * folds).clamp(0, 1), alpha


def laid_on(garments: Tensor, alpha: Tensor, floors: Tensor, draws: Draws) -> Tensor:
    """Lay garments on floors with a soft shadow to one side."""
    softened = _blurred(_blurred(alpha, 7), 5)
    down, aside = (7 * draws.uniforms(2)).long().sub(3).tolist()
    shadow = torch.roll(softened, shifts=(down, aside), dims=(2, 3))
    return garments * alpha + floors * (1 - draws.uniform(0, 0.6) * shadow) * (1 - alpha)


def letterboxed(pictures: Tensor, draws: Draws) -> Tensor:
    """Make about half of the pictures upright 3:4 ones: border colour in an eighth at the left and right."""
    width = pictures.shape[-1] // 8
    middle = pictures[..., width:-width]
    edges = torch.cat([middle[:, :, 0], middle[:, :, -1], middle[..., 0], middle[..., -1]], dim=2)
    fill = edges.median(dim=2).values[:, :, None, None].expand(-1, -1, pictures.shape[2], width)
    return torch.where(draws.happens(0.5), torch.cat([fill, middle, fill], dim=3), pictures)


def colours(draws: Draws) -> Tensor:
    """Random colours (batch, 3, 1, 1): any hue, saturations leaning to pale, any brightness."""
    hue = draws.uniforms(draws.count, 3, 1, 1)
    low, high = hue.amin(dim=1, keepdim=True), hue.amax(dim=1, keepdim=True)
    pure = (hue - low) / (high - low + 1e-6)
    return draws.uniform() * (1 - draws.uniform() ** 1.5 * (1 - pure))


def texture(side: int, plain: float, draws: Draws) -> Tensor:
    """Cloth or floor (batch, 3, side, side): two colours in a pattern, under uneven light.

    `plain` is the share with hardly any pattern.
    """
    base = colours(draws)
    related = base + draws.uniform(-0.25, 0.25)
    second = torch.where(draws.happens(0.5), colours(draws), related)
    weight = torch.where(draws.happens(plain), draws.uniform(0, 0.08), draws.uniform(0.2, 1))
    light = 1 + draws.uniform(0, 0.5) * (_clouds(draws, side, 3) - 0.5)
    return ((base + (second - base) * weight * pattern(side, draws)) * light).clamp(0, 1)


def pattern(side: int, draws: Draws) -> Tensor:
    """Stripes, checks, tiles, blobs, grain, a gradient or a print: (batch, 1, side, side) on [0, 1]."""
    rows, columns = pixel_centres(side, draws.device)
    quarter = torch.pi / 2
    angle = draws.uniform(0, torch.pi)
    upright = (angle / quarter).round() * quarter + draws.uniform(-0.1, 0.1)
    angle = torch.where(draws.happens(0.6), upright, angle)
    along, across = columns * angle.cos() + rows * angle.sin(), rows * angle.cos() - columns * angle.sin()
    frequency = draws.uniform(1.1, math.log(side / 2.5)).exp()
    stripes = _waves(along, frequency, draws)
    crossing = _waves(across, frequency * draws.uniform(-0.7, 0.7).exp(), draws)
    blobs = torch.sigmoid((_clouds(draws, side, 8) - 0.5) * draws.uniform(1, 4).exp())
    grain = draws.uniforms(draws.count, 1, side, side)
    gradient = (0.5 + 0.5 * along * draws.uniform(0.3, 1)).clamp(0, 1)
    tiles, checks, printed = torch.minimum(stripes, crossing), (stripes + crossing) / 2, stripes * blobs
    kinds = torch.stack([stripes, checks, tiles, blobs, grain, gradient, printed])
    return kinds[draws.indices(_PATTERN_KINDS), torch.arange(draws.count, device=draws.device)]


def _waves(positions: Tensor, frequency: Tensor, draws: Draws) -> Tensor:
    phase, sharpness, share = (
        draws.uniform(0, 2 * torch.pi),
        draws.uniform(0, 3).exp(),
        draws.uniform(-0.8, 0.8),
    )
    return torch.sigmoid(sharpness * (torch.sin(1.5 * frequency * positions + phase) - share))


def _clouds(draws: Draws, side: int, cells: int) -> Tensor:
    """Smooth noise with about `cells` patches a side: (batch, 1, side, side) on [0, 1]."""
    each = torch.eye(cells, device=draws.device)[None, None]
    weights = functional.interpolate(each, size=(side, cells), mode="bicubic", align_corners=False)[0, 0]
    coarse = draws.uniforms(draws.count, 1, cells, cells)
    return (weights @ coarse @ weights.T).clamp(0, 1)  # bicubic along both axes, as two small products


def _blurred(maps: Tensor, size: int) -> Tensor:
    """Mean of `size` x `size` pixels, zeros around: by columns, then by rows, which is cheaper."""
    by_columns = functional.avg_pool2d(maps, (size, 1), 1, (size // 2, 0))
    return functional.avg_pool2d(by_columns, (1, size), 1, (0, size // 2))


def _centred(values: Tensor, weight: Tensor) -> Tensor:
    """`values` less their weighted mean, picture by picture."""
    total = weight.sum(dim=(2, 3), keepdim=True) + 1
    return values - (values * weight).sum(dim=(2, 3), keepdim=True) / total
