"""How unlike a picture's border its pixels are, for lifting a garment off what it lies on."""

import torch
from torch import Tensor

_BORDER_WIDTH = 5  # pixels of the view
_COLOUR_NOISE = 4e-3  # variance on [0, 1] that keeps a plain border's distances finite


def border_distance(views: Tensor) -> Tensor:
    """How unlike the border's colours every pixel is: (batch, 3, side, side) to (batch, 1, side, side).

    The logarithm of one plus the squared Mahalanobis distance under the border's own mean and covariance: a
    plain wall and a colourful carpet both come out near zero.
    """
    mean, covariance = _border_statistics(views)
    deviation = views.flatten(2) - mean
    squared = (torch.linalg.solve(covariance, deviation) * deviation).sum(dim=1, keepdim=True)
    return torch.log1p(squared.clamp(min=0)).reshape(-1, 1, *views.shape[2:])


def _border_statistics(views: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (batch, 3, 1) and covariance (batch, 3, 3) of the colours along the edges."""
    width = _BORDER_WIDTH
    edges = (views[:, :, :width], views[:, :, width:, :width], views[:, :, width:, -width:])
    colours = torch.cat([edge.flatten(2) for edge in edges], dim=2)
    mean = colours.mean(dim=2, keepdim=True)
    spread = colours - mean
    covariance = spread @ spread.transpose(1, 2) / colours.shape[2]
    return mean, covariance + _COLOUR_NOISE * torch.eye(views.shape[1], device=views.device)
