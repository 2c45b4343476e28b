"""The network for photographs: residual, over a view in colour, three times as wide as a network input.

A photograph's garment lies on a carpet or a door, and its collar and buttons tell a shirt from a pullover; at
28x28 in grey both are lost. Beside the three colours the network sees how unlike the picture's border every
pixel is, so that it need not learn from a thousand photographs what a background is. Like the classifier it
ends in a global average and one linear layer, which makes its class activation maps exact.
"""

import copy
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fashion.labels import NUM_LABELS
from training.networks.classifiers import Classification

_NUM_COLOURS = 3
_BORDER_WIDTH = 5  # pixels of the view
_COLOUR_NOISE = 4e-3  # variance on [0, 1] that keeps a plain border's distances finite
_USUAL_DISTANCE = 1.5  # about the mean over photographs, so that the channel is centred


@dataclass(frozen=True, slots=True)
class PhotographNetworkSettings:
    """How large the network for photographs is, and how much it sees."""

    view_side: Annotated[int, Field(ge=32, le=224)] = 80
    """Pixels a side of the view; a photograph of 3:4 fills three quarters of it."""
    stem_width: Annotated[int, Field(ge=1, le=256)] = 24
    """Channels of the first layer, at half the view's side."""
    widths: tuple[int, ...] = (48, 96, 144)
    """Channels of each residual block; each halves the side."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the pooled features dropped in training."""


class NormedConvolution(nn.Sequential):
    """A convolution and its batch norm, whose scale starts at `gain`; the activation is the caller's."""

    def __init__(
        self, num_inputs: int, num_outputs: int, size: int = 3, stride: int = 1, gain: float = 1.0
    ) -> None:
        norm = nn.BatchNorm2d(num_outputs)
        nn.init.constant_(norm.weight, gain)
        super().__init__(nn.Conv2d(num_inputs, num_outputs, size, stride, size // 2, bias=False), norm)


class HalvingBlock(nn.Module):
    """Two convolutions beside an average-pooled shortcut; the side is halved.

    The second norm starts at zero: an untrained block passes its shortcut on (arXiv:1706.02677).
    """

    def __init__(self, num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.first = NormedConvolution(num_inputs, num_outputs, stride=2)
        self.second = NormedConvolution(num_outputs, num_outputs, gain=0.0)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.shortcut = NormedConvolution(num_inputs, num_outputs, size=1)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, num_inputs, height, width) to (batch, num_outputs, half, half), rounded up."""
        changed = self.second(functional.relu(self.first(maps)))
        return functional.relu(self.shortcut(self.pool(maps)) + changed)


class PhotographClassifier(nn.Module):
    """Views Float (batch, 3, side, side) on [0, 1] to a Classification."""

    def __init__(self, settings: PhotographNetworkSettings) -> None:
        super().__init__()
        self.view_side = settings.view_side
        self.stem = NormedConvolution(_NUM_COLOURS + 1, settings.stem_width, stride=2)
        ends = zip((settings.stem_width, *settings.widths), settings.widths, strict=False)
        self.body = nn.Sequential(*(HalvingBlock(before, after) for before, after in ends))
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.widths[-1], NUM_LABELS)

    def forward(self, views: Tensor) -> Classification:
        """Normalises by itself, so that no caller can forget to."""
        seen = torch.cat([4 * (views - 0.5), border_distance(views) - _USUAL_DISTANCE], dim=1)
        maps = self.body(functional.relu(self.stem(seen)))
        features = maps.float().mean(dim=(2, 3))
        return Classification(self.head(self.dropout(features)), features, maps)


def border_distance(views: Tensor) -> Tensor:
    """How unlike the border's colours every pixel is: (batch, 3, side, side) to (batch, 1, side, side).

    The logarithm of one plus the squared Mahalanobis distance under the border's own mean and covariance: a
    plain wall and a colourful carpet both come out near zero. The 3x3 inverse is written out, which every
    inference engine can compute, and in float32, since its terms differ by orders of magnitude.
    """
    with torch.autocast(views.device.type, enabled=False):
        views = views.float()
        mean, covariance = _border_statistics(views)
        first, second, third = covariance.unbind(dim=1)
        cofactors = torch.stack(
            [
                torch.cross(second, third, dim=1),
                torch.cross(third, first, dim=1),
                torch.cross(first, second, dim=1),
            ],
            dim=2,
        )
        determinant = (first * cofactors[:, :, 0]).sum(dim=1)[:, None, None]
        deviation = views.flatten(2) - mean
        squared = ((cofactors / determinant) @ deviation * deviation).sum(dim=1, keepdim=True)
        return torch.log1p(squared.clamp(min=0)).reshape(-1, 1, *views.shape[2:])


def _border_statistics(views: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (batch, 3, 1) and covariance (batch, 3, 3) of the colours along the edges."""
    width = _BORDER_WIDTH
    edges = (views[:, :, :width], views[:, :, width:, :width], views[:, :, width:, -width:])
    colours = torch.cat([edge.flatten(2) for edge in edges], dim=2)
    mean = colours.mean(dim=2, keepdim=True)
    spread = colours - mean
    covariance = spread @ spread.transpose(1, 2) / colours.shape[2]
    return mean, covariance + _COLOUR_NOISE * torch.eye(_NUM_COLOURS, device=views.device)


def folded_for_serving(network: PhotographClassifier) -> PhotographClassifier:
    """A copy for inference: every batch norm folded into the convolution before it."""
    network = copy.deepcopy(network).eval().float().cpu()
    for block in network.modules():
        if isinstance(block, NormedConvolution):
            convolution, norm = block
            if not (isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                raise TypeError(f"a normed convolution is a convolution and a batch norm, not {block}")
            block[0], block[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return network


class ServedPhotographClassifier(nn.Module):
    """What is exported: UInt8 (batch, side, side, 3) in, the fields of a Classification out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        answer = self.network(views.permute(0, 3, 1, 2).float() / 255)
        return answer.logits, answer.features, answer.feature_maps
