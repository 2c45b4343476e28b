"""Random changes of training pictures that leave their labels true, vectorised over the batch.

Everything random comes from the generator that is passed in, so that a batch is a pure function of the seed,
the epoch and the step: an interrupted run continues with the very pictures it would have seen.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from fashion.labels import NUM_LABELS
from training.rand_augment import rand_augment
from training.ranges import CountOrZero, NotNegative, Share
from training.systems import Batch


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What may happen to a training picture; the default changes nothing."""

    flip: Share = 0.0
    """Probability of mirroring left to right."""
    shift: Annotated[int, Field(ge=0, le=14)] = 0
    """Furthest move in pixels, in each direction; what moves in is black."""
    rand_augment: CountOrZero = 0
    """Operations that each picture is changed by (RandAugment: `rand_augment.py`)."""
    magnitude: Share = 0.3
    """How far each of those goes."""
    erase: Share = 0.0
    """Probability of overwriting a rectangle with noise (random erasing, arXiv:1708.04896)."""
    erase_largest: Annotated[float, Field(ge=0.02, le=1)] = 0.3
    """Largest share of the picture's area that is overwritten."""
    mixup: NotNegative = 0.0
    """Alpha of the Beta distribution that mixes pairs of pictures (arXiv:1710.09412); 0: none."""
    cutmix: NotNegative = 0.0
    """Alpha of the Beta distribution that pastes rectangles between pairs (arXiv:1905.04899); 0: none.
    With mixup as well, each batch gets one of the two."""


def plain(images: Tensor, labels: Tensor) -> Batch:
    """The batch as it is: UInt8 (batch, 28, 28) and Int64 (batch,), nothing changed but the scale."""
    return Batch(images.float() / 255, labels, functional.one_hot(labels, NUM_LABELS).float())


def augment(images: Tensor, labels: Tensor, settings: Augmentation, generator: Generator) -> Batch:
    """Change a batch at random.

    `images` is UInt8 (batch, 28, 28), `labels` Int64 (batch,), `generator` on the same device. Moves,
    mirroring and erasing act on each picture by itself; mixing pairs pictures of the batch.
    """
    if settings.shift:
        images = _shifted(images, settings.shift, generator)
    if settings.flip:
        mirrored = _uniform(images, generator) < settings.flip
        images = torch.where(mirrored[:, None, None], images.flip(-1), images)
    if settings.rand_augment:
        images = rand_augment(images, settings.rand_augment, settings.magnitude, generator)
    if settings.erase:
        images = _erased(images, settings, generator)
    return _mixed(plain(images, labels), settings, generator)


def _uniform(like: Tensor, generator: Generator, *, low: float = 0.0, high: float = 1.0) -> Tensor:
    """One number a picture, evenly between `low` and `high`: (batch,)."""
    return low + (high - low) * torch.rand(len(like), generator=generator, device=like.device)


def _shifted(images: Tensor, furthest: int, generator: Generator) -> Tensor:
    count, side = images.shape[:2]
    windows = functional.pad(images, (furthest,) * 4).unfold(1, side, 1).unfold(2, side, 1)
    offsets = torch.randint(2 * furthest + 1, (2, count), generator=generator, device=images.device)
    return windows[torch.arange(count, device=images.device), offsets[0], offsets[1]]


def _erased(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    area = _uniform(images, generator, low=0.02, high=settings.erase_largest)
    # The paper draws the aspect ratio evenly between 0.3 and 1/0.3; evenly in the logarithm treats both
    # alike.
    aspect = torch.exp(_uniform(images, generator, low=-1.2, high=1.2))
    inside = _rectangles(images, (area * aspect).sqrt(), (area / aspect).sqrt(), generator)
    chosen = _uniform(images, generator) < settings.erase
    noise = torch.randint(256, images.shape, generator=generator, device=images.device, dtype=torch.uint8)
    return torch.where(inside & chosen[:, None, None], noise, images)


def _rectangles(images: Tensor, height: Tensor, width: Tensor, generator: Generator) -> Tensor:
    """Masks (batch, side, side) of one rectangle each, placed anywhere inside; sizes are shares of the
    side."""
    side = images.shape[-1]
    positions = torch.arange(side, device=images.device)
    spans = []
    for share in (height, width):
        length = (share * side).round().clamp(1, side)
        start = (_uniform(images, generator) * (side - length + 1)).floor()
        spans.append((positions >= start[:, None]) & (positions < (start + length)[:, None]))
    return spans[0][:, :, None] & spans[1][:, None, :]


def _mixed(batch: Batch, settings: Augmentation, generator: Generator) -> Batch:
    ways = [way for way, alpha in (("mixup", settings.mixup), ("cutmix", settings.cutmix)) if alpha]
    if not ways:
        return batch
    chosen = ways[int(torch.randint(len(ways), (), generator=generator, device=batch.images.device))]
    kept = _beta(settings.mixup if chosen == "mixup" else settings.cutmix, batch.labels, generator)
    partner = torch.randperm(len(batch), generator=generator, device=batch.images.device)
    if chosen == "mixup":
        weight = kept[:, None, None]
        images = weight * batch.images + (1 - weight) * batch.images[partner]
    else:
        size = (1 - kept).sqrt()
        pasted = _rectangles(batch.images, size, size, generator)
        images = torch.where(pasted, batch.images[partner], batch.images)
        kept = 1 - pasted.float().mean(dim=(1, 2))
    targets = kept[:, None] * batch.targets + (1 - kept)[:, None] * batch.targets[partner]
    return Batch(images, targets.argmax(dim=1), targets)


def _beta(alpha: float, like: Tensor, generator: Generator) -> Tensor:
    """Draws of Beta(alpha, alpha), one a picture: (batch,). torch's own sampler takes no generator."""
    concentration = torch.full((2, len(like)), alpha, device=like.device)
    gammas = torch._standard_gamma(concentration, generator=generator)
    return gammas[0] / gammas.sum(dim=0)
