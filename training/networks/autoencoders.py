"""Encoders and decoders: images to the posterior of their latents, and latents back to images.

Residual networks that spend their multiplications at 14x14 and 7x7, where they are cheap, and only a few at
28x28. Resolution goes up by sub-pixel convolutions (Shi et al. 2016, arXiv:1609.05158), which compute at the
lower one. Blocks are pre-activation ones (He et al. 2016, arXiv:1603.05027), scaled down at the start so that
each begins near the identity.
"""

from dataclasses import dataclass
from typing import Annotated, Final, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from fashion.inputs import SIDE
from training.ranges import Count

_QUARTER_SIDE: Final = SIDE // 4
# Beyond these a posterior is a point or the prior; without them one bad step in bf16 can end in infinity.
_LOG_VARIANCE_RANGE: Final = (-10.0, 5.0)
_FIRST_SCALE_OF_A_CHANGE: Final = 0.3


class Posterior(NamedTuple):
    """The Gaussian that the encoder gives for each image."""

    mean: Tensor
    """Float (batch, latent)."""
    log_variance: Tensor
    """Float (batch, latent): of a diagonal covariance."""


@dataclass(frozen=True, slots=True)
class ConvolutionalSettings:
    """How large the encoder and the decoder are."""

    latent_size: Annotated[int, Field(ge=1, le=64)] = 32
    width: Annotated[int, Field(ge=1, le=256)] = 32
    """Channels at 14x14; twice as many at 7x7."""
    full_width: Annotated[int, Field(ge=1, le=256)] = 16
    """Channels of the decoder at 28x28."""
    blocks: Count = 1
    """Residual blocks at 14x14, and as many at 7x7, in the encoder and in the decoder."""


class PreactivationBlock(nn.Module):
    """Norm, SiLU and a 3x3 convolution, twice, added to what went in."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        first, last = (
            nn.Conv2d(num_channels, num_channels, 3, padding=1, bias=bias) for bias in (False, True)
        )
        with torch.no_grad():
            last.weight.mul_(_FIRST_SCALE_OF_A_CHANGE)
        self.change = nn.Sequential(*_activated(num_channels), first, *_activated(num_channels), last)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        changed: Tensor = maps + self.change(maps)
        return changed


class ConvolutionalEncoder(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to a Posterior."""

    def __init__(self, settings: ConvolutionalSettings) -> None:
        super().__init__()
        width = settings.width
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            *_blocks(width, settings.blocks),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            *_blocks(2 * width, settings.blocks),
        )
        self.head = nn.Linear(2 * width * _QUARTER_SIDE**2, 2 * settings.latent_size)

    def forward(self, images: Tensor) -> Posterior:
        """Both halves of the head in float32, whatever the precision of the body."""
        mean, log_variance = self.head(self.body(images.unsqueeze(1)).flatten(1)).float().chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*_LOG_VARIANCE_RANGE))


class ConvolutionalDecoder(nn.Module):
    """Latents Float (batch, latent) to the logits of the pixels, (batch, 28, 28)."""

    def __init__(self, settings: ConvolutionalSettings) -> None:
        super().__init__()
        width, full_width = settings.width, settings.full_width
        self.start = nn.Linear(settings.latent_size, 2 * width * _QUARTER_SIDE**2)
        self.body = nn.Sequential(
            *_blocks(2 * width, settings.blocks),
            *_doubled_side(2 * width, width),
            *_blocks(width, settings.blocks),
            *_doubled_side(width, full_width),
            *_activated(full_width),
            nn.Conv2d(full_width, full_width, 3, padding=1),
            *_activated(full_width),
            nn.Conv2d(full_width, 1, 3, padding=1),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """Channels last from the first map on: the layout in which CPUs convolve."""
        maps = self.start(latents).unflatten(1, (-1, _QUARTER_SIDE, _QUARTER_SIDE))
        logits: Tensor = self.body(maps.contiguous(memory_format=torch.channels_last))
        return logits.squeeze(1)


class ConvolutionalAutoencoder(nn.Module):
    """An encoder and the decoder that was taught with it."""

    def __init__(self, settings: ConvolutionalSettings) -> None:
        super().__init__()
        self.encoder = ConvolutionalEncoder(settings)
        self.decoder = ConvolutionalDecoder(settings)


def _activated(num_channels: int) -> tuple[nn.Module, ...]:
    return nn.BatchNorm2d(num_channels), nn.SiLU()


def _blocks(num_channels: int, count: int) -> tuple[nn.Module, ...]:
    """Residual blocks, ended by the activation that the last of them leaves out."""
    return *(PreactivationBlock(num_channels) for _ in range(count)), *_activated(num_channels)


def _doubled_side(num_inputs: int, num_outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(num_inputs, 4 * num_outputs, 3, padding=1), nn.PixelShuffle(2)
