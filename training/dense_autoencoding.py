"""The dense variational autoencoder as a system, with either of the two losses that its texts offer.

`bce` is -ELBO in nats an image (Kingma and Welling, arXiv:1312.6114). `mse` replaces the cross-entropy by the
squared error summed over the pixels: up to a constant the nats of a Gaussian of variance 1/2.
"""

import copy
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from fashion.preparation import SIDE
from training.autoencoding import ServedDecoder, ServedEncoder
from training.losses import cross_entropy_nats, kl_nats, sample_latents, squared_error
from training.networks.dense import DenseAutoencoder, DenseAutoencoderSettings
from training.ranges import NotNegative
from training.systems import Batch, ExportGraph, System, Terms

_NUM_PIXELS = SIDE * SIDE


@dataclass(frozen=True, slots=True)
class DenseVariationalSettings:
    """What to build, and what it minimises."""

    network: DenseAutoencoderSettings = field(default_factory=DenseAutoencoderSettings)
    loss: Literal["bce", "mse"] = "bce"
    """How a decoded image is compared: cross-entropy in nats, or squared error summed over the pixels."""
    beta: NotNegative = 1.0
    """Weight of the KL term."""

    def build(self) -> "DenseVariationalSystem":
        """A freshly initialised variational autoencoder."""
        return DenseVariationalSystem(self)


class DenseVariationalSystem(System):
    """One latent is sampled for each image, in training as in validation."""

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "autoencoder"
    monitor: ClassVar[str] = "total"
    variational = True

    def __init__(self, settings: DenseVariationalSettings) -> None:
        super().__init__()
        self.loss, self.beta = settings.loss, settings.beta
        self.latent_size = settings.network.latent_size
        self.network: DenseAutoencoder = DenseAutoencoder(settings.network)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective: what is lost, and the weighed KL term, each told by itself."""
        posterior = self.network.encoder(batch.images)
        logits = self.network.decoder(sample_latents(*posterior))
        divergence = kl_nats(*posterior).mean()
        lost = self._lost(logits, batch.images)
        name = "reconstruction_nats" if self.loss == "bce" else "squared_error"
        return {"total": lost + self.beta * divergence, name: lost, "kl_nats": divergence}

    def validation_terms(self, batch: Batch) -> Terms:
        """The same, and `mean_squared_error` of the images decoded from the posterior means."""
        decoded = self.network.decoder(self.network.encoder(batch.images).mean).float().sigmoid()
        error = squared_error(decoded, batch.images).mean()
        return {**self.training_terms(batch, progress=1.0), "mean_squared_error": error}

    def graphs(self) -> list[ExportGraph]:
        """`encoder` (images to mean and log variance) and `decoder` (latents to images)."""
        network = copy.deepcopy(self.network).eval().float().cpu()
        random = torch.Generator().manual_seed(0)
        images = torch.randint(256, (2, SIDE, SIDE), generator=random).to(torch.uint8)
        latents = torch.randn(2, self.latent_size or 0, generator=random)
        encoder, decoder = ServedEncoder(network.encoder), ServedDecoder(network.decoder)
        return [
            ExportGraph("encoder", encoder, (images,), ("images",), ("mean", "log_variance")),
            ExportGraph("decoder", decoder, (latents,), ("latents",), ("images",)),
        ]

    def _lost(self, logits: Tensor, images: Tensor) -> Tensor:
        if self.loss == "bce":
            return cross_entropy_nats(logits, images).mean()
        return _NUM_PIXELS * squared_error(logits.float().sigmoid(), images).mean()
