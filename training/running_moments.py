"""Means and covariances that build up from batch to batch, and what they are for.

A batch is too small to tell the covariance of sixty features. Moments that run over many batches do, and the
gradient of a distance between two Gaussians needs no more than the moments and the batch at hand.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.labels import NUM_LABELS

# Added to every variance, as a share of their mean: directions in which nothing varies have no distance.
_LEAST_VARIANCE: Final = 1e-3
# As if so many latents of each label had been seen before, of N(0, I): a Gaussian needs a covariance.
_SEEN_BEFORE: Final = 1.0


class RunningMoments(nn.Module):
    """Mean and covariance of what was added; older batches fade by `decay`, with 1 never."""

    def __init__(self, size: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("second", torch.zeros(size, size))

    @torch.no_grad()
    def add(self, values: Tensor) -> None:
        """One batch (batch, size)."""
        values, count = values.detach().float(), self.get_buffer("count")
        weight = torch.maximum(1 / (count + 1), torch.tensor(1 - self.decay, device=count.device))
        self.get_buffer("mean").lerp_(values.mean(dim=0), weight)
        self.get_buffer("second").lerp_(values.T @ values / len(values), weight)
        count += 1

    def covariance(self) -> Tensor:
        """(size, size) in double precision, nowhere singular."""
        mean, second = self.get_buffer("mean").double(), self.get_buffer("second").double()
        covariance = second - torch.outer(mean, mean)
        least = _LEAST_VARIANCE * covariance.diagonal().mean() + 1e-8
        return covariance + least * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)


def towards(values: Tensor, made: RunningMoments, real: RunningMoments) -> Tensor:
    """A scalar whose gradient moves `values` (batch, size) so that `made` comes nearer to `real`.

    The gradient is that of the squared 2-Wasserstein distance between the two Gaussians, were the moments of
    `made` to move as the batch's do; its derivative in the covariance is the identity less the map that
    transports one to the other (Bhatia et al. 2019, "On the Bures-Wasserstein distance").
    """
    mean = made.get_buffer("mean")
    with torch.no_grad():
        shift = 2 * (mean - real.get_buffer("mean"))
        transport = _transport(made.covariance(), real.covariance()).to(mean.dtype)
        slope = torch.eye(len(mean), dtype=mean.dtype, device=mean.device) - transport
    centred = values.float() - mean
    slopes: Tensor = centred @ shift + ((centred @ slope) * centred).sum(dim=1)
    return slopes.mean()


class LabelMeans(nn.Module):
    """The mean of what was added for each label; older batches fade by `decay`."""

    def __init__(self, size: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("count", torch.zeros(NUM_LABELS))
        self.register_buffer("mean", torch.zeros(NUM_LABELS, size))

    @torch.no_grad()
    def add(self, values: Tensor, labels: Tensor) -> None:
        """One batch (batch, size) with labels (batch,)."""
        told, number = functional.one_hot(labels, NUM_LABELS).float(), self.get_buffer("count")
        own = told.sum(dim=0)
        means = told.T @ values.detach().float() / own.clamp_min(1)[:, None]
        weight = torch.where(own > 0, (1 / (number + 1)).clamp_min(1 - self.decay), 0)
        self.get_buffer("mean").lerp_(means, weight[:, None])
        number += own > 0


def towards_labels(values: Tensor, labels: Tensor, made: LabelMeans, real: LabelMeans) -> Tensor:
    """A scalar whose gradient moves `values` (batch, size) so that every label's mean comes nearer to the
    real one, by the squared distance."""
    shift = 2 * (made.get_buffer("mean") - real.get_buffer("mean"))
    return (values.float() * shift[labels]).sum(dim=1).mean()


def _transport(made: Tensor, real: Tensor) -> Tensor:
    """The symmetric matrix that takes a Gaussian of covariance `made` to one of `real`."""
    root = _power(real, 0.5)
    transport: Tensor = root @ _power(root @ made @ root, -0.5) @ root
    return transport


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = (vectors * values.clamp_min(1e-12).pow(exponent)) @ vectors.T
    return power


class LabelGaussians(nn.Module):
    """A Gaussian for each label, of all latents that were added."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.full((NUM_LABELS,), _SEEN_BEFORE))
        self.register_buffer("sum", torch.zeros(NUM_LABELS, size))
        self.register_buffer("squares", _SEEN_BEFORE * torch.eye(size).repeat(NUM_LABELS, 1, 1))

    @torch.no_grad()
    def add(self, latents: Tensor, labels: Tensor) -> None:
        """A batch (batch, size) with labels (batch,)."""
        self.get_buffer("count").index_add_(0, labels, torch.ones_like(latents[:, 0]))
        self.get_buffer("sum").index_add_(0, labels, latents)
        self.get_buffer("squares").index_add_(0, labels, latents[:, :, None] * latents[:, None])

    @torch.no_grad()
    def sample(self, labels: Tensor) -> Tensor:
        """A latent for each label (batch,): (batch, size)."""
        count = self.get_buffer("count")[:, None]
        means = self.get_buffer("sum") / count
        covariances = self.get_buffer("squares") / count[:, :, None] - means[:, :, None] * means[:, None]
        factors = torch.linalg.cholesky(covariances)[labels]
        noise = torch.randn(len(labels), means.shape[1], 1, device=means.device)
        drawn: Tensor = means[labels] + (factors @ noise).squeeze(2)
        return drawn
