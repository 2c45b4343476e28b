"""What a system says of a few pictures while it is being trained: for previews and TensorBoard."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.systems import System


@contextmanager
def at_rest(system: System) -> Iterator[None]:
    """In evaluation mode and without gradients inside, as it was afterwards; no random number is drawn."""
    was_training = system.training
    system.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        system.train(was_training)


def encoded(network: nn.Module, images: Tensor) -> Tensor:
    """The latents (batch, latent) of images Float (batch, 28, 28), posterior means where there are any."""
    answer = network.get_submodule("encoder")(images)
    latents: Tensor = answer if isinstance(answer, Tensor) else answer.mean
    return latents


def decoded(network: nn.Module, latents: Tensor) -> Tensor:
    """The images of latents (batch, latent): (batch, 28, 28) on [0, 1]."""
    logits: Tensor = network.get_submodule("decoder")(latents)
    return logits.float().sigmoid()


def reconstructed(network: nn.Module, images: Tensor) -> Tensor:
    """Images from their own latents."""
    return decoded(network, encoded(network, images))


def sampled_latent(system: System, images: Tensor, number: int) -> Tensor:
    """A latent to preview, (1, latent), a function of `number`: from N(0, I) for a variational system.

    Between the latents of two of the images for a plain one, which was taught no distribution.
    """
    if system.variational:
        generator = torch.Generator().manual_seed(number)
        return torch.randn(1, system.latent_size or 0, generator=generator).to(images.device)
    return encoded(system.network, images[:2]).mean(dim=0, keepdim=True)


def probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """A classifier's plain softmax for images (batch, 28, 28): (batch, 10)."""
    logits: Tensor = network(images).logits
    return logits.float().softmax(dim=1)
