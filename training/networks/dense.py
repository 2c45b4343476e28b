"""Networks of fully connected layers: the classifier and the autoencoders of the first texts.

They see 784 numbers and not a picture. What they lack against convolutions is the point of having them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

from pydantic import Field
from torch import Tensor, nn

from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.networks.autoencoders import Posterior
from training.networks.classifiers import PIXEL_DEVIATION, PIXEL_MEAN, Classification

_NUM_PIXELS: Final = SIDE * SIDE
# As of the convolutional encoder: beyond these a posterior is a point or the prior.
_LOG_VARIANCE_RANGE: Final = (-10.0, 5.0)

Units = Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True, slots=True)
class DenseAutoencoderSettings:
    """How large the encoder and the decoder are."""

    hidden: Annotated[tuple[Units, ...], Field(max_length=8)] = (512,)
    """Units of the encoder's hidden layers; the decoder has the same in reverse order."""
    latent_size: Annotated[int, Field(ge=1, le=512)] = 2


@dataclass(frozen=True, slots=True)
class DenseClassifierSettings:
    """How large the classifier is."""

    hidden: Units = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the hidden units dropped in training (Srivastava et al. 2014)."""


class DenseEncoder(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to a Posterior."""

    def __init__(self, settings: DenseAutoencoderSettings) -> None:
        super().__init__()
        sizes = (_NUM_PIXELS, *settings.hidden)
        self.body = nn.Sequential(*_layers(sizes))
        self.head = nn.Linear(sizes[-1], 2 * settings.latent_size)

    def forward(self, images: Tensor) -> Posterior:
        """Both halves of the head in float32, whatever the precision of the body."""
        mean, log_variance = self.head(self.body(images.flatten(1))).float().chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*_LOG_VARIANCE_RANGE))


class DenseDecoder(nn.Module):
    """Latents Float (batch, latent) to the logits of the pixels, (batch, 28, 28)."""

    def __init__(self, settings: DenseAutoencoderSettings) -> None:
        super().__init__()
        sizes = (settings.latent_size, *reversed(settings.hidden))
        self.body = nn.Sequential(*_layers(sizes))
        self.head = nn.Linear(sizes[-1], _NUM_PIXELS)

    def forward(self, latents: Tensor) -> Tensor:
        """The encoder's layers in reverse."""
        logits: Tensor = self.head(self.body(latents)).unflatten(1, (SIDE, SIDE))
        return logits


class DenseAutoencoder(nn.Module):
    """An encoder and the decoder that was taught with it."""

    def __init__(self, settings: DenseAutoencoderSettings) -> None:
        super().__init__()
        self.encoder = DenseEncoder(settings)
        self.decoder = DenseDecoder(settings)


class DenseClassifier(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to a Classification; its feature maps are one pixel large."""

    def __init__(self, settings: DenseClassifierSettings) -> None:
        super().__init__()
        self.body = nn.Sequential(*_layers((_NUM_PIXELS, settings.hidden)))
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden, NUM_LABELS)

    def forward(self, images: Tensor) -> Classification:
        """Normalises by itself, so that no caller can forget to."""
        features = self.body(((images - PIXEL_MEAN) / PIXEL_DEVIATION).flatten(1))
        return Classification(self.head(self.dropout(features)), features, features[:, :, None, None])


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    """A linear layer and a ReLU from each size to the next."""
    layers: list[nn.Module] = []
    for num_inputs, num_outputs in pairwise(sizes):
        layers += [nn.Linear(num_inputs, num_outputs), nn.ReLU()]
    return layers
