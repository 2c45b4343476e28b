"""The variational autoencoder as a system: its networks, its objective and the graphs that are served.

The objective is -ELBO in nats an image (Kingma and Welling, arXiv:1312.6114), against N(0, I). With the loss
`mse` the squared error summed over the pixels takes the cross-entropy's place: up to a constant the nats of a
Gaussian of variance 1/2. The prior that is sampled from is fitted afterwards (`prior_fitting.py`).
"""

import copy
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fashion.inputs import SIDE
from training.losses import cross_entropy_nats, kl_nats, sample_latents, squared_error
from training.networks.autoencoders import (
    ConvolutionalAutoencoder,
    ConvolutionalSettings,
)
from training.networks.dense import DenseAutoencoder
from training.ranges import NotNegative, Share
from training.systems import Batch, ExportGraph, System, Terms

_NUM_PIXELS = SIDE * SIDE

Loss = Literal["bce", "mse"]
"""How a decoded image is compared: cross-entropy in nats, or squared error summed over the pixels."""


@dataclass(frozen=True, slots=True)
class VariationalSettings:
    """What to build, and how the two terms of its objective are weighed."""

    network: ConvolutionalSettings = field(default_factory=ConvolutionalSettings)
    beta: NotNegative = 1.0
    """Weight of the KL term (Higgins et al. 2017); at 1 the objective is -ELBO."""
    kl_warm_up: Share = 0.0
    """Share of all steps over which that weight rises from 0 to beta (Bowman et al., arXiv:1511.06349)."""

    def build(self) -> "VariationalSystem":
        """A freshly initialised variational autoencoder."""
        network = ConvolutionalAutoencoder(self.network)
        return VariationalSystem(
            network, self.network.latent_size, beta=self.beta, kl_warm_up=self.kl_warm_up
        )


class VariationalSystem(System):
    """One latent is sampled for each image, in training as in validation."""

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "autoencoder"
    monitor: ClassVar[str] = "total"
    variational = True

    def __init__(
        self,
        network: ConvolutionalAutoencoder | DenseAutoencoder,
        latent_size: int,
        *,
        beta: float,
        kl_warm_up: float = 0.0,
        loss: Loss = "bce",
    ) -> None:
        super().__init__()
        self.beta, self.kl_warm_up, self.loss = beta, kl_warm_up, loss
        self.latent_size = latent_size
        self.network: ConvolutionalAutoencoder | DenseAutoencoder = network

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective: what is lost plus the weighed KL term, each also told by itself."""
        posterior = self.network.encoder(batch.images)
        logits = self.network.decoder(sample_latents(*posterior))
        lost = self._lost(logits, batch.images)
        divergence = kl_nats(*posterior).mean()
        total = lost + self._kl_weight(progress) * divergence
        name = "reconstruction_nats" if self.loss == "bce" else "squared_error"
        return {"total": total, name: lost, "kl_nats": divergence}

    def validation_terms(self, batch: Batch) -> Terms:
        """The same, and `mean_squared_error` of the images decoded from the posterior means."""
        decoded = self.network.decoder(self.network.encoder(batch.images).mean).float().sigmoid()
        error = squared_error(decoded, batch.images).mean()
        return {**self.training_terms(batch, progress=1.0), "mean_squared_error": error}

    def graphs(self) -> list[ExportGraph]:
        """`encoder` (images to mean and log variance) and `decoder` (latents to images)."""
        network = copy.deepcopy(self.network).eval().float().cpu()
        encoder, decoder = ServedEncoder(network.encoder), ServedDecoder(network.decoder)
        return served_graphs(encoder, decoder, self.latent_size or 0)

    def _lost(self, logits: Tensor, images: Tensor) -> Tensor:
        if self.loss == "bce":
            return cross_entropy_nats(logits, images).mean()
        return _NUM_PIXELS * squared_error(logits.float().sigmoid(), images).mean()

    def _kl_weight(self, progress: float) -> float:
        return self.beta * min(1.0, progress / self.kl_warm_up) if self.kl_warm_up else self.beta


class ServedEncoder(nn.Module):
    """What is exported: UInt8 (batch, 28, 28) to mean and log variance, each (batch, latent)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        mean, log_variance = self.encoder(images.float() / 255)
        return mean, log_variance


class ServedDecoder(nn.Module):
    """What is exported: Float (batch, latent) to images (batch, 28, 28) on [0, 1]."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor) -> Tensor:
        """Pixel probabilities are the image."""
        return torch.sigmoid(self.decoder(latents))


def served_graphs(encoder: nn.Module, decoder: nn.Module, latent_size: int) -> list[ExportGraph]:
    """The two graphs of a variational autoencoder's artifact, of modules in evaluation mode."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (2, SIDE, SIDE), generator=random).to(torch.uint8)
    latents = torch.randn(2, latent_size, generator=random)
    return [
        ExportGraph("encoder", encoder, (images,), ("images",), ("mean", "log_variance")),
        ExportGraph("decoder", decoder, (latents,), ("latents",), ("images",)),
    ]
