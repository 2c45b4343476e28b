"""The plain autoencoder as a system: one latent for each picture, squared error, nothing drawn at random.

Two options make the code before the bottleneck sparse: dropout, and an L1 penalty on what its units say.
"""

import copy
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fashion.inputs import SIDE
from training.autoencoding import ServedDecoder
from training.losses import squared_error
from training.networks.plain_convolutional import BottleneckAutoencoder, BottleneckEncoder, BottleneckSettings
from training.ranges import NotNegative
from training.systems import Batch, ExportGraph, System, Terms


@dataclass(frozen=True, slots=True)
class BottleneckSystemSettings:
    """What to build, and what it minimises."""

    network: BottleneckSettings = field(default_factory=BottleneckSettings)
    l1: NotNegative = 0.0
    """Weight of the mean absolute value of the code units beside the mean squared error; 0: none."""

    def build(self) -> "BottleneckSystem":
        """A freshly initialised autoencoder."""
        return BottleneckSystem(self)


class BottleneckSystem(System):
    """Mean squared error of decoded pixels on [0, 1]."""

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "autoencoder"
    monitor: ClassVar[str] = "mean_squared_error"

    def __init__(self, settings: BottleneckSystemSettings) -> None:
        super().__init__()
        self.l1 = settings.l1
        self.latent_size = settings.network.latent_size
        self.network: BottleneckAutoencoder = BottleneckAutoencoder(settings.network)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is `mean_squared_error` plus the weighed `code_mean` (what the units say on average)."""
        code = self.network.encoder.code(batch.images)
        decoded = self.network.decoder(self.network.encoder.latents(code)).float().sigmoid()
        error, size = squared_error(decoded, batch.images).mean(), code.float().abs().mean()
        return {"total": error + self.l1 * size, "mean_squared_error": error, "code_mean": size}

    def graphs(self) -> list[ExportGraph]:
        """`encoder` (images to latents) and `decoder` (latents to images)."""
        network = copy.deepcopy(self.network).eval().float().cpu()
        random = torch.Generator().manual_seed(0)
        images = torch.randint(256, (2, SIDE, SIDE), generator=random).to(torch.uint8)
        latents = torch.randn(2, self.latent_size or 0, generator=random)
        encoder, decoder = _ServedEncoder(network.encoder), ServedDecoder(network.decoder)
        return [
            ExportGraph("encoder", encoder, (images,), ("images",), ("mean",)),
            ExportGraph("decoder", decoder, (latents,), ("latents",), ("images",)),
        ]


class _ServedEncoder(nn.Module):
    """What is exported: UInt8 (batch, 28, 28) to latents (batch, latent)."""

    def __init__(self, encoder: BottleneckEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        latents: Tensor = self.encoder(images.float() / 255)
        return latents
