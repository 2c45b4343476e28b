"""The discriminator: what it answers to, and that it can learn to tell pictures and labels apart."""

import torch
from torch import Tensor

from tests.unit.training.test_autoencoders import random_batch
from training.networks.discriminators import Discriminator, hinge, unreality

NUM_CRITIC_CHANNELS = 3


def maps_of(images: Tensor) -> list[Tensor]:
    """What a critic with one block might make of images."""
    return [images[:, ::2, ::2].unsqueeze(1).repeat(1, NUM_CRITIC_CHANNELS, 1, 1)]


def answers_of(discriminator: Discriminator, images: Tensor, labels: Tensor) -> list[Tensor]:
    answers: list[Tensor] = discriminator(images, maps_of(images), labels)
    return answers


def test_it_answers_by_the_pixels_and_by_what_the_critic_sees() -> None:
    batch = random_batch(3)
    answers = answers_of(Discriminator(2, [NUM_CRITIC_CHANNELS]), batch.images, batch.labels)
    assert [answer.shape for answer in answers] == [(3, 1), (3, 1)]


def test_it_learns_to_tell_dark_from_bright() -> None:
    torch.manual_seed(0)
    discriminator, batch = Discriminator(4, [NUM_CRITIC_CHANNELS]), random_batch()
    optimiser = torch.optim.Adam(discriminator.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        hinge(*(answers_of(discriminator, batch.images / part, batch.labels) for part in (1, 8))).backward()
        optimiser.step()
    bright, dark = (answers_of(discriminator, batch.images / part, batch.labels) for part in (1, 8))
    assert all(high.mean() > low.mean() for high, low in zip(bright, dark, strict=True))
    assert unreality(bright) < unreality(dark)


def test_it_learns_which_label_goes_with_which_picture() -> None:
    torch.manual_seed(0)
    discriminator, batch = Discriminator(4, [NUM_CRITIC_CHANNELS]), random_batch()
    images = batch.images * torch.tensor([1.0, 0.2]).repeat(3)[:, None, None]
    labels = torch.tensor([0, 1]).repeat(3)
    optimiser = torch.optim.Adam(discriminator.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        right, wrong = (answers_of(discriminator, images, told) for told in (labels, 1 - labels))
        hinge(right, wrong).backward()
        optimiser.step()
    right, wrong = (answers_of(discriminator, images, told) for told in (labels, 1 - labels))
    assert all(high.mean() > low.mean() for high, low in zip(right, wrong, strict=True))


def test_a_sure_discriminator_loses_nothing() -> None:
    assert hinge([torch.full((2, 1), 1.5)], [torch.full((2, 1), -1.5)]) == 0
    assert hinge([torch.zeros(2, 1)] * 2, [torch.zeros(2, 1)] * 2) == 2
