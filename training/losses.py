"""The objectives of autoencoders, in nats an image, from network outputs that still carry gradients.

`fashion.autoencoder` holds the same quantities for arrays, as they are served; a test keeps the two equal.
Everything is computed in float32: under bf16 autocast a sum over 784 pixels would keep three digits.
"""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy_nats(logits: Tensor, pixels: Tensor) -> Tensor:
    """-log p(pixels | logits) of pixels on [0, 1] under a Bernoulli: (batch, height, width) to (batch,).

    Kingma and Welling, arXiv:1312.6114, appendix C.1. Never below `entropy_nats(pixels)`.
    """
    nats = functional.binary_cross_entropy_with_logits(logits.float(), pixels.float(), reduction="none")
    return nats.sum(dim=(1, 2))


def entropy_nats(pixels: Tensor) -> Tensor:
    """The pixels' own entropy, the floor of any model's cross-entropy: (batch, height, width) to (batch,)."""
    pixels = pixels.float()
    return -(torch.xlogy(pixels, pixels) + torch.xlogy(1 - pixels, 1 - pixels)).sum(dim=(1, 2))


def kl_nats(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)): two of (batch, latent) to (batch,).

    Kingma and Welling, arXiv:1312.6114, appendix B.
    """
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def squared_error(decoded: Tensor, pixels: Tensor) -> Tensor:
    """Mean squared error over the pixels of each image on [0, 1]: (batch, height, width) to (batch,)."""
    return (decoded.float() - pixels.float()).square().mean(dim=(1, 2))


def sample_latents(mean: Tensor, log_variance: Tensor) -> Tensor:
    """One latent for each posterior, differentiable in both arguments: (batch, latent).

    The reparameterisation of Kingma and Welling, arXiv:1312.6114, section 2.4; the noise comes from torch's
    global generator.
    """
    mean, log_variance = mean.float(), log_variance.float()
    return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
