"""The discriminator: small networks that learn to tell decoded pictures from real ones of the same label.

One looks at pixels; the others look at what the layers of a critic make of the picture, which tells them at
once what pictures of garments differ in (Sauer et al. 2021, arXiv:2111.01007). Labels enter by projection
(Miyato and Koyama 2018, arXiv:1802.05637). Batch norm, for real and decoded pictures apart, lets them learn
in tens of steps what spectral normalisation kept them from for hundreds (docs/vae.md).
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.labels import NUM_LABELS

_LEAK: Final = 0.2


class Discriminator(nn.Module):
    """Pictures of labels to several answers, high for what looks real."""

    def __init__(self, width: int, critic_channels: Sequence[int]) -> None:
        """`critic_channels` are those of the critic's maps that it looks at."""
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(1, width, 4, stride=2),
            *_convolution(width, 2 * width, 4, stride=2),
            *_convolution(2 * width, 4 * width, 3),
        )
        self.of_pixels = _AnswerOfLabel(4 * width, 4 * width)
        self.of_maps = nn.ModuleList(_AnswerOfLabel(channels, 4 * width) for channels in critic_channels)

    def forward(self, images: Tensor, maps: Sequence[Tensor], labels: Tensor) -> list[Tensor]:
        """Images (batch, 28, 28) on [0, 1], the critic's maps of them, and their labels (batch,).

        One answer (batch, 1) by the pixels, and one by each of `maps`.
        """
        of_maps = [answer(each, labels) for answer, each in zip(self.of_maps, maps, strict=True)]
        return [self.of_pixels(self.body(images.unsqueeze(1)), labels), *of_maps]


class _AnswerOfLabel(nn.Module):
    """Maps (batch, channels, height, width) and labels to one answer, (batch, 1)."""

    def __init__(self, num_channels: int, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(*_convolution(num_channels, width, 3, stride=2))
        self.answer = nn.Linear(width, 1)
        self.of_label = nn.Embedding(NUM_LABELS, width)

    def forward(self, maps: Tensor, labels: Tensor) -> Tensor:
        pooled = self.change(maps).mean(dim=(2, 3))
        answer: Tensor = self.answer(pooled) + (self.of_label(labels) * pooled).sum(dim=1, keepdim=True)
        return answer


def _convolution(num_inputs: int, num_outputs: int, side: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(num_inputs, num_outputs, side, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(num_outputs),
        nn.LeakyReLU(_LEAK),
    )


def hinge(real: Sequence[Tensor], decoded: Sequence[Tensor]) -> Tensor:
    """What a discriminator minimises, each kind of answer counting alike."""
    losses = [
        functional.relu(1 - of_real.float()).mean() + functional.relu(1 + of_decoded.float()).mean()
        for of_real, of_decoded in zip(real, decoded, strict=True)
    ]
    return torch.stack(losses).mean()


def unreality(decoded: Sequence[Tensor]) -> Tensor:
    """What a decoder minimises: less the mean answer."""
    return -torch.stack([answers.float().mean() for answers in decoded]).mean()
