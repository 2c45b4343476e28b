"""The convolutional classifier: small enough to answer at once, and its class activation maps are exact.

A residual network in the manner of ResNet-9 that ends in a *global average* pool and one linear layer.
Because the pool is an average, a label's logit is the mean over positions of that layer applied to the
feature maps: its class activation map (Zhou et al. 2016, arXiv:1512.04150) is a 1x1 convolution of them, with
nothing approximated.
"""

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fashion.labels import NUM_LABELS

# Of the official training pixels on [0, 1].
PIXEL_MEAN = 0.2860
PIXEL_DEVIATION = 0.3530

N = TypeVar("N", bound=nn.Module)


class Classification(NamedTuple):
    """What a classifier computes from images (batch, 28, 28)."""

    logits: Tensor
    """Float (batch, 10)."""
    features: Tensor
    """Float (batch, num_features): the pooled embedding."""
    feature_maps: Tensor
    """Float (batch, num_features, height, width): what was pooled."""
    early_maps: Tensor | None = None
    """Float (batch, channels, height, width): what the first layer made, from networks that tell."""


@dataclass(frozen=True, slots=True)
class ResidualSettings:
    """How large the network is."""

    width: Annotated[int, Field(ge=1, le=512)] = 16
    """Channels of the first layer, which every stage doubles."""
    first: Annotated[int, Field(ge=0, le=512)] = 0
    """Channels of the first layer where they are not `width`; 0: they are."""
    inner: tuple[Annotated[int, Field(ge=1, le=512)], ...] = ()
    """Channels inside the residual block of each stage, in order; empty: as many as around it."""
    doublings: Annotated[int, Field(ge=1, le=3)] = 2
    """Stages that double the channels and halve the side, each with a residual block; one to three."""
    downsampling: Literal["pool", "stride"] = "pool"
    """What halves the side: a max pool after the convolution, or its stride, at half the cost of training."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the pooled features dropped in training."""

    def __post_init__(self) -> None:
        """Raises ValueError where `inner` is not of as many stages as there are."""
        if self.inner and len(self.inner) != self.doublings:
            raise ValueError(f"inner names {len(self.inner)} stages, and there are {self.doublings}")


class ConvolutionBlock(nn.Sequential):
    """A 3x3 convolution, batch norm and ReLU; the side of the maps is divided by the stride."""

    def __init__(self, num_inputs: int, num_outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(num_inputs, num_outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(num_outputs),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """Two convolution blocks, `num_inner` channels between them, whose result is added to what went in."""

    def __init__(self, num_channels: int, num_inner: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            ConvolutionBlock(num_channels, num_inner), ConvolutionBlock(num_inner, num_channels)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same shape."""
        changed: Tensor = self.change(maps)
        return maps + changed


class ResidualClassifier(nn.Module):
    """Images Float (batch, 28, 28) on [0, 1] to a Classification."""

    def __init__(self, settings: ResidualSettings) -> None:
        super().__init__()
        width = settings.width
        channels = settings.first or width
        layers: list[nn.Module] = [ConvolutionBlock(1, channels)]
        for stage in range(settings.doublings):
            width *= 2
            inner = settings.inner[stage] if settings.inner else width
            layers += [*_halving(channels, width, settings.downsampling), ResidualBlock(width, inner)]
            channels = width
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(width, NUM_LABELS)

    def forward(self, images: Tensor) -> Classification:
        """Normalises by itself, so that no caller can forget to."""
        early, maps = self.begin(images)
        return self.go_on(maps)._replace(early_maps=early)

    def begin(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The first half: what the first layer made, and the maps that go into the first residual block."""
        return begun(self.halves()[0], images)

    def go_on(self, maps: Tensor) -> Classification:
        """The second half, from what `begin` made; without early maps."""
        for layer in self.halves()[1]:
            maps = layer(maps)
        features = maps.mean(dim=(2, 3))
        return Classification(self.head(self.dropout(features)), features, maps)

    def halves(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The layers before the first residual block, and those from there on but for the head."""
        layers = list(self.body)
        cut = next(place for place, layer in enumerate(layers) if isinstance(layer, ResidualBlock))
        return layers[:cut], layers[cut:]


def begun(layers: Iterable[nn.Module], images: Tensor) -> tuple[Tensor, Tensor]:
    """What the first of these layers makes of images Float (batch, 28, 28) on [0, 1], and what all of them
    make."""
    first, *others = layers
    early = maps = first(((images - PIXEL_MEAN) / PIXEL_DEVIATION).unsqueeze(1))
    for layer in others:
        maps = layer(maps)
    return early, maps


def _halving(num_inputs: int, num_outputs: int, way: Literal["pool", "stride"]) -> list[nn.Module]:
    """Layers that halve the side."""
    if way == "stride":
        return [ConvolutionBlock(num_inputs, num_outputs, stride=2)]
    return [ConvolutionBlock(num_inputs, num_outputs), nn.MaxPool2d(2)]


class Explainer(nn.Module):
    """Feature maps (batch, num_features, height, width) to class activation maps (batch, 10, height, width).

    Their mean over the positions, plus the head's bias, is the logit.
    """

    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        self.register_buffer("weight", head.weight.detach().clone()[:, :, None, None])

    def forward(self, feature_maps: Tensor) -> Tensor:
        """One 1x1 convolution."""
        return nn.functional.conv2d(feature_maps, self.get_buffer("weight"))


def num_parameters(network: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in network.parameters())


def folded(network: N) -> N:
    """A copy for inference: every batch norm folded into the convolution right before it."""
    network = copy.deepcopy(network).eval().float().cpu()
    for block in network.modules():
        if isinstance(block, nn.Sequential):
            for place, (layer, following) in enumerate(itertools.pairwise(list(block))):
                if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                    block[place], block[place + 1] = fuse_conv_bn_eval(layer, following), nn.Identity()
    return network
