"""Random changes of photographs that leave their labels true, vectorised over the batch.

A thousand photographs by a hundred senders teach a network floors and lamps as readily as garments.
Framing, perspective and light are therefore drawn anew for every showing, hues turn freely, and garments
that stand out from a plain border are lifted off it and laid on somebody else's floor. Everything random
comes from the generator that is passed in, as in `augmentation`.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from training.border import border_distance
from training.ranges import Share

_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@dataclass(frozen=True, slots=True)
class PhotographAugmentation:
    """What may happen to a photograph before it is shown."""

    smallest_zoom: Annotated[float, Field(gt=0)] = 0.7
    """Side of what is seen, as a share of the photograph's; below 1 a part of it, enlarged."""
    largest_zoom: Annotated[float, Field(gt=0)] = 1.15
    turn_radians: Annotated[float, Field(ge=0)] = 0.3
    shift: Share = 0.12
    """Furthest move, as a share of half the side."""
    stretch: Share = 0.15
    """Largest logarithm by which the aspect ratio's root changes."""
    perspective: Share = 0.1
    colour: Annotated[float, Field(ge=0)] = 1.0
    """Strength of the changes of hue, saturation, contrast and brightness; 0: none."""
    new_background: Share = 0.25
    """Probability that a garment which stands out is laid on another background."""
    plain_background: Share = 0.4
    """Share of those backgrounds that are of one colour, every other one white as in a shop's pictures."""
    erase: Share = 0.5
    """Probability of covering a rectangle with noise."""


class Draws:
    """Random numbers for a batch; one a picture broadcasts over (batch, channels, height, width)."""

    def __init__(self, count: int, generator: Generator) -> None:
        self.count = count
        self.generator = generator
        self.device = generator.device

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Evenly between `low` and `high`: (batch, 1, 1, 1)."""
        return low + (high - low) * self.uniforms(self.count, 1, 1, 1)

    def normal(self, deviation: float = 1.0) -> Tensor:
        """Around zero: (batch, 1, 1, 1)."""
        return deviation * self.normals(self.count, 1, 1, 1)

    def happens(self, probability: float) -> Tensor:
        """Bool (batch, 1, 1, 1)."""
        return self.uniform() < probability

    def some(self, probability: float) -> tuple[Tensor, "Draws"]:
        """Indices of pictures, each chosen with that probability, and random numbers for those alone."""
        chosen = self.happens(probability).flatten().nonzero().flatten()
        return chosen, Draws(len(chosen), self.generator)

    def indices(self, below: int) -> Tensor:
        """Int64 (batch,)."""
        return torch.randint(below, (self.count,), generator=self.generator, device=self.device)

    def uniforms(self, *shape: int) -> Tensor:
        """As many numbers from 0 to 1 as the shape asks for."""
        return torch.rand(shape, generator=self.generator, device=self.device)

    def normals(self, *shape: int) -> Tensor:
        """As many standard normal numbers as the shape asks for."""
        return torch.randn(shape, generator=self.generator, device=self.device)


@dataclass(frozen=True, slots=True)
class PhotographPixels:
    """Photographs in memory, somewhat larger than the view and all of one shape.

    `pixels` is UInt8 (count, 3, height, width), squashed; `aspect` is each one's true width over height.
    """

    pixels: Tensor
    aspect: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, indices: Tensor) -> Self:
        """Some of them."""
        return type(self)(self.pixels[indices], self.aspect[indices])

    def to(self, device: torch.device) -> Self:
        """The same photographs on a device."""
        return type(self)(self.pixels.to(device), self.aspect.to(device))

    def sample(self, grid: Tensor) -> Tensor:
        """See each at `grid` (count, side, side, 2), where the longer side spans -1 to 1.

        What lies outside has the border's median colour, as in `fashion.preparation.letterbox`.
        """
        fill = _border_median(self.pixels)
        reach = torch.stack([1 / self.aspect.clamp(max=1), self.aspect.clamp(min=1)], dim=1)[:, None, None, :]
        inside = functional.grid_sample(
            self.pixels.float() / 255 - fill, grid * reach, padding_mode="zeros", align_corners=False
        )
        return inside + fill

    def corners(self) -> Tensor:
        """Patches UInt8 (4 * count, 3, height, width) from the corners: backgrounds, nearly always."""
        height, width = (round(0.3 * size) for size in self.pixels.shape[2:])
        top, bottom = self.pixels[:, :, :height], self.pixels[:, :, -height:]
        return torch.cat([part for rows in (top, bottom) for part in (rows[..., :width], rows[..., -width:])])


def augmented_view(
    photographs: PhotographPixels,
    backgrounds: Tensor,
    side: int,
    settings: PhotographAugmentation,
    generator: Generator,
) -> Tensor:
    """Photographs changed at random: Float (count, 3, side, side) on [0, 1].

    `backgrounds` is UInt8 (any, 3, height, width), from training photographs alone.
    """
    draws = Draws(len(photographs), generator)
    views = photographs.sample(mirrored(warped_grid(draws, side, settings), draws))
    views = _laid_elsewhere(views, backgrounds, settings, draws)
    views = recoloured(views, settings.colour, draws)
    return erased(degraded(views, draws), settings.erase, draws)


def warped_grid(draws: Draws, side: int, settings: PhotographAugmentation) -> Tensor:
    """Where each pixel of a view looks: (batch, side, side, 2) with -1 to 1 the unchanged frame."""
    rows, columns = pixel_centres(side, draws.device)
    tilt, shift, stretch = settings.perspective, settings.shift, settings.stretch
    depth = 1 + draws.uniform(-tilt, tilt) * columns + draws.uniform(-tilt, tilt) * rows
    across = (columns + draws.uniform(-shift, shift)) / depth
    down = (rows + draws.uniform(-shift, shift)) / depth
    scale = draws.uniform(math.log(settings.smallest_zoom), math.log(settings.largest_zoom)).exp()
    ratio = draws.uniform(-stretch, stretch).exp()
    angle = draws.uniform(-settings.turn_radians, settings.turn_radians)
    turned_across = angle.cos() * across - angle.sin() * down
    turned_down = angle.sin() * across + angle.cos() * down
    return torch.cat([scale * ratio * turned_across, scale / ratio * turned_down], dim=1).permute(0, 2, 3, 1)


def mirrored(grid: Tensor, draws: Draws) -> Tensor:
    """Half of the grids left to right."""
    sign = torch.where(draws.happens(0.5), 1.0, -1.0)
    return torch.cat([grid[..., :1] * sign, grid[..., 1:]], dim=-1)


def recoloured(pictures: Tensor, strength: float, draws: Draws) -> Tensor:
    """Turn hues, scale saturation and contrast, move brightness and bend the tone curve of each picture."""
    if not strength:
        return pictures
    hue = draws.normal(0.6 * strength)
    hue = torch.where(draws.happens(0.3 * strength), draws.uniform(0, 2 * torch.pi), hue)
    saturation = torch.where(draws.happens(0.08), 0.0, draws.normal(0.35 * strength).exp())
    matrix = _colour_matrix(hue.flatten(), saturation.flatten()) * draws.normal(0.25 * strength).exp()[:, 0]
    centre = pictures.mean(dim=(1, 2, 3), keepdim=True)
    turned = torch.einsum("bij,bjhw->bihw", matrix, pictures - centre)
    changed = (turned + centre + draws.normal(0.1 * strength)).clamp(0, 1)
    bend = draws.normal(0.4 * strength).clamp(-0.9, 0.9)
    return changed + bend * changed * (1 - changed)


def degraded(pictures: Tensor, draws: Draws) -> Tensor:
    """Blur or sharpen about a quarter of the pictures, and add noise to about a quarter."""
    changed = pictures.clone()
    chosen, own = draws.some(0.25)
    changed[chosen] = _softened(changed[chosen], own.uniform(-0.6, 1))
    chosen, own = draws.some(0.25)
    changed[chosen] += own.uniform(0, 0.05) * own.normals(own.count, *changed.shape[1:])
    return changed.clamp(0, 1)


def erased(pictures: Tensor, probability: float, draws: Draws) -> Tensor:
    """Cover a rectangle of some pictures with one colour and noise (arXiv:1708.04896)."""
    rows, columns = pixel_centres(pictures.shape[-1], draws.device)
    inside = (columns - draws.uniform(-1, 1)).abs() < draws.uniform(0.15, 0.5)
    inside = (
        inside & ((rows - draws.uniform(-1, 1)).abs() < draws.uniform(0.15, 0.5)) & draws.happens(probability)
    )
    colour = draws.uniforms(draws.count, 3, 1, 1)
    grain = 0.2 * draws.normals(1, 1, *pictures.shape[2:])
    return torch.where(inside, (colour + grain).clamp(0, 1), pictures)


def mixed(views: Tensor, targets: Tensor, mixup: float, cutmix: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """Blend some pictures with others of the batch, and paste rectangles of others into some.

    `mixup` and `cutmix` are the probabilities of either. Targets (batch, answers) are mixed by the share of
    each picture that is left. The weights of a blend have the distribution Beta(1/2, 1/2), a rectangle's area
    is drawn evenly.
    """
    side, partner = views.shape[-1], draws.uniforms(len(views)).argsort()
    rows, columns = pixel_centres(side, draws.device)
    reach = draws.uniform().sqrt()  # half a rectangle's side, where half the picture's is 1
    pasted = (rows - draws.uniform(-1, 1) * (1 - reach)).abs() < reach
    pasted = pasted & ((columns - draws.uniform(-1, 1) * (1 - reach)).abs() < reach)
    blend = (torch.pi / 2 * draws.uniform()).sin().square()
    way = draws.uniform()
    kept = torch.where(way < cutmix, 1.0 - pasted.float(), torch.where(way < cutmix + mixup, blend, 1.0))
    share = kept.mean(dim=(1, 2, 3))[:, None]
    return (
        kept * views + (1 - kept) * views[partner],
        share * targets + (1 - share) * targets[partner],
    )


def _softened(pictures: Tensor, softness: Tensor) -> Tensor:
    """Move pixels towards their neighbourhood's mean, or away from it where `softness` is negative."""
    soft = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return pictures + softness * (soft - pictures)


def _laid_elsewhere(
    views: Tensor, backgrounds: Tensor, settings: PhotographAugmentation, draws: Draws
) -> Tensor:
    """Lay some of the garments that stand out from their border on other backgrounds."""
    chosen, own = draws.some(settings.new_background)
    garments = views[chosen]
    distance = border_distance(garments)
    found = backgrounds[own.indices(len(backgrounds))].float() / 255
    floors = functional.interpolate(found, size=views.shape[2:], mode="bilinear", align_corners=False)
    floors = torch.where(own.happens(settings.plain_background), _plain(own), floors)
    alpha = _opacity(distance)
    laid = views.clone()
    laid[chosen] = torch.where(_stands_out(distance), garments * alpha + floors * (1 - alpha), garments)
    return laid


def _plain(draws: Draws) -> Tensor:
    """One colour a picture, (batch, 3, 1, 1): white or nearly so, or any."""
    white = 1 - 0.06 * draws.uniform().expand(-1, 3, 1, 1)
    return torch.where(draws.happens(0.5), white, draws.uniforms(draws.count, 3, 1, 1))


def _opacity(distance: Tensor) -> Tensor:
    """How much of each pixel is garment, by its distance from the border's colours, with soft edges."""
    likely = torch.sigmoid(4 * (distance - 2.1))
    smooth = functional.avg_pool2d(likely, 3, stride=1, padding=1)
    return functional.max_pool2d(smooth, 3, stride=1, padding=1)


def _stands_out(distance: Tensor) -> Tensor:
    """Whether most of the middle is unlike the border: Bool (count, 1, 1, 1)."""
    quarter = distance.shape[-1] // 4
    middle = distance[:, :, quarter:-quarter, quarter:-quarter].flatten(1).median(dim=1).values
    return (middle > 2.5)[:, None, None, None]


def _colour_matrix(hue_radians: Tensor, saturation: Tensor) -> Tensor:
    """Turn and scale chroma, keeping luminance: (batch, 3, 3) on RGB."""
    across, along = saturation * hue_radians.cos(), saturation * hue_radians.sin()
    zero, one = torch.zeros_like(across), torch.ones_like(across)
    rows = [
        torch.stack(row, dim=1) for row in ((one, zero, zero), (zero, across, -along), (zero, along, across))
    ]
    to_chroma = _YIQ.to(hue_radians.device)
    matrix: Tensor = torch.linalg.inv(to_chroma) @ torch.stack(rows, dim=1) @ to_chroma
    return matrix


def _border_median(pixels: Tensor) -> Tensor:
    """The median colour of the outermost pixels: (count, 3, 1, 1) on [0, 1]."""
    edges = (pixels[:, :, 0], pixels[:, :, -1], pixels[:, :, :, 0], pixels[:, :, :, -1])
    return torch.cat(edges, dim=2).median(dim=2).values[:, :, None, None] / 255


def pixel_centres(side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows and columns of a view's pixel centres, from -1 to 1: two of (side, side)."""
    centres = (torch.arange(side, device=device) + 0.5) / side * 2 - 1
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    return rows, columns
