"""Plain stacks of convolutions, without skip connections: easy to look into, layer by layer.

The classifier ends in a global average pool and one linear layer, so its class activation maps are exact
(Zhou et al. 2016, arXiv:1512.04150). The autoencoder squeezes a picture through a bottleneck of few numbers.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field
from torch import Tensor, nn

from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.networks.classifiers import PIXEL_DEVIATION, PIXEL_MEAN, Classification, ConvolutionBlock

_QUARTER_SIDE: Final = SIDE // 4

Dropout = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class PlainClassifierSettings:
    """How large the classifier is."""

    width: Annotated[int, Field(ge=1, le=256)] = 16
    """Channels of the two layers at 28x28; twice as many at 14x14, and again at 7x7."""
    dropout: Dropout = 0.2
    """Share of the pooled features dropped in training."""


@dataclass(frozen=True, slots=True)
class BottleneckSettings:
    """How large the autoencoder is."""

    latent_size: Annotated[int, Field(ge=1, le=64)] = 2
    outer_channels: Annotated[int, Field(ge=1, le=256)] = 32
    """Of the convolutions at 28x28."""
    inner_channels: Annotated[int, Field(ge=1, le=256)] = 16
    """Of the convolutions at 14x14."""
    code_units: Annotated[int, Field(ge=1, le=512)] = 64
    """Of the layer on each side of the bottleneck, where the picture has become one position."""
    dropout: Dropout = 0.0
    """Share of the encoder's code units dropped in training."""


class PlainClassifier(nn.Module):
    """Six convolutions with batch norm, pooled after the second and the fourth, to a Classification."""

    def __init__(self, settings: PlainClassifierSettings) -> None:
        super().__init__()
        first, second, third = (settings.width * factor for factor in (1, 2, 4))
        self.body = nn.Sequential(
            ConvolutionBlock(1, first),
            ConvolutionBlock(first, first),
            nn.MaxPool2d(2),
            ConvolutionBlock(first, second),
            ConvolutionBlock(second, second),
            nn.MaxPool2d(2),
            ConvolutionBlock(second, third),
            ConvolutionBlock(third, third),
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(third, NUM_LABELS)

    def forward(self, images: Tensor) -> Classification:
        """Images Float (batch, 28, 28) on [0, 1]; normalises by itself."""
        maps = self.body(((images - PIXEL_MEAN) / PIXEL_DEVIATION).unsqueeze(1))
        features = maps.mean(dim=(2, 3))
        return Classification(self.head(self.dropout(features)), features, maps)


class BottleneckEncoder(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to latents Float (batch, latent), one for each image."""

    def __init__(self, settings: BottleneckSettings) -> None:
        super().__init__()
        outer, inner, units = settings.outer_channels, settings.inner_channels, settings.code_units
        self.body = nn.Sequential(
            nn.Conv2d(1, outer, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(outer, inner, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(inner, units, _QUARTER_SIDE),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(units, settings.latent_size)

    def code(self, images: Tensor) -> Tensor:
        """What the units before the bottleneck say: (batch, code_units), none of it negative."""
        units: Tensor = self.body(images.unsqueeze(1))
        return units

    def forward(self, images: Tensor) -> Tensor:
        """Latents without an activation: behind a ReLU, a unit that dies takes a whole axis with it."""
        return self.latents(self.code(images))

    def latents(self, code: Tensor) -> Tensor:
        """The bottleneck from the code units: (batch, latent), in float32."""
        latents: Tensor = self.head(self.dropout(code))
        return latents.float()


class BottleneckDecoder(nn.Module):
    """Latents Float (batch, latent) to the logits of the pixels, (batch, 28, 28): the encoder in reverse."""

    def __init__(self, settings: BottleneckSettings) -> None:
        super().__init__()
        outer, inner, units = settings.outer_channels, settings.inner_channels, settings.code_units
        self.body = nn.Sequential(
            nn.Linear(settings.latent_size, units),
            nn.ReLU(),
            nn.Unflatten(1, (units, 1, 1)),
            # A 7x7 convolution over one position in zeros six wide, as a transposed convolution computes it.
            nn.ConvTranspose2d(units, inner, _QUARTER_SIDE),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(inner, outer, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(outer, 1, 5, padding=2),
        )

    def forward(self, latents: Tensor) -> Tensor:
        """Logits, so that an image is never outside [0, 1]."""
        logits: Tensor = self.body(latents)
        return logits.squeeze(1)


class BottleneckAutoencoder(nn.Module):
    """An encoder and the decoder that was taught with it."""

    def __init__(self, settings: BottleneckSettings) -> None:
        super().__init__()
        self.encoder = BottleneckEncoder(settings)
        self.decoder = BottleneckDecoder(settings)
