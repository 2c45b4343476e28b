"""The discriminator: a small network that learns to tell decoded pictures from real ones.

It judges every patch and the picture as a whole. Spectral normalisation (Miyato et al. 2018,
arXiv:1802.05957) bounds how steeply its answers change, so that a decoder can follow it.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

# A leaky rectifier about halves what a layer of norm one passes on; without a gain the answers hardly differ.
_GAIN: Final = 2.0
_LEAK: Final = 0.2


class Discriminator(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to answers (batch, 50): one a 7x7 patch, one for the whole.

    High for what looks real.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(1, width, 4, stride=2, padding=1)),
                spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
                spectral_norm(nn.Conv2d(2 * width, 4 * width, 3, padding=1)),
            ]
        )
        self.of_patches = spectral_norm(nn.Conv2d(4 * width, 1, 1))
        self.of_whole = spectral_norm(nn.Linear(4 * width, 1))

    def forward(self, images: Tensor) -> Tensor:
        """All answers side by side."""
        maps = images.unsqueeze(1)
        for layer in self.body:
            maps = _GAIN * functional.leaky_relu(layer(maps), _LEAK)
        whole = _GAIN * self.of_whole(maps.mean(dim=(2, 3)))
        return torch.cat([self.of_patches(maps).flatten(1), whole], dim=1)
