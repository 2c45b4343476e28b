"""Moments over many batches, and the gradient that brings one Gaussian to another."""

import numpy as np
import pytest
import torch
from torch import Tensor

from fashion.labels import NUM_LABELS
from training.running_moments import LabelGaussians, LabelMeans, RunningMoments, towards, towards_labels
from training.sample_quality import frechet_distance


def cloud(count: int, *, seed: int, centre: float = 0.0, spread: float = 1.0) -> Tensor:
    """Two dimensions that go together."""
    noise = torch.randn(count, 2, generator=torch.Generator().manual_seed(seed))
    return centre + spread * noise @ torch.tensor([[1.0, 0.6], [0.0, 0.5]])


def test_moments_that_never_fade_are_those_of_all_batches_together() -> None:
    values, moments = cloud(400, seed=0, centre=3), RunningMoments(2, decay=1.0)
    for batch in values.split(40):
        moments.add(batch)
    torch.testing.assert_close(moments.get_buffer("mean"), values.mean(dim=0))
    wanted = np.cov(values.double().numpy(), rowvar=False, bias=True)
    np.testing.assert_allclose(moments.covariance().numpy(), wanted, atol=2e-3)


def test_moments_that_fade_follow_what_came_last() -> None:
    moments = RunningMoments(2, decay=0.5)
    for centre in [0.0] * 10 + [5.0] * 10:
        moments.add(cloud(200, seed=1, centre=centre))
    torch.testing.assert_close(moments.get_buffer("mean"), torch.full((2,), 5.0), atol=0.2, rtol=0)


def test_the_gradient_is_that_of_the_frechet_distance() -> None:
    real, made = RunningMoments(2, 1.0), RunningMoments(2, 1.0)
    here, there = cloud(500, seed=2), cloud(500, seed=3, centre=1, spread=2)
    real.add(there)
    made.add(here)
    values = here.clone().requires_grad_()
    towards(values, made, real).backward()
    assert values.grad is not None
    step = 1e-3
    for row, column in ((0, 0), (7, 1)):
        moved = here.double().numpy().copy()
        moved[row, column] += step
        less = here.double().numpy().copy()
        less[row, column] -= step
        ahead, behind = (frechet_distance(each, there.double().numpy()) for each in (moved, less))
        assert float(values.grad[row, column]) == pytest.approx((ahead - behind) / (2 * step), rel=0.05)


def test_following_the_gradient_brings_the_clouds_together() -> None:
    wanted, values = cloud(300, seed=4, centre=-1, spread=0.5), cloud(300, seed=5).requires_grad_()
    real = RunningMoments(2, 1.0)
    real.add(wanted)
    before = frechet_distance(values.detach().numpy(), wanted.numpy())
    optimiser = torch.optim.SGD([values], lr=30)
    for _ in range(60):
        made = RunningMoments(2, 1.0)
        made.add(values)
        optimiser.zero_grad()
        towards(values, made, real).backward()
        optimiser.step()
    assert frechet_distance(values.detach().numpy(), wanted.numpy()) < 0.02 * before


def test_a_feature_that_never_varies_does_no_harm() -> None:
    real, made = RunningMoments(2, 1.0), RunningMoments(2, 1.0)
    values = cloud(50, seed=6) * torch.tensor([1.0, 0.0])
    for moments in (real, made):
        moments.add(values)
    assert float(towards(values, made, real)) == pytest.approx(0, abs=1e-4)


def test_draws_of_a_label_are_spread_like_its_latents() -> None:
    gaussians, latents = LabelGaussians(2), cloud(20_000, seed=7)
    labels = torch.arange(len(latents)) % NUM_LABELS
    latents = latents + labels[:, None]
    for batch, told in zip(latents.split(1_000), labels.split(1_000), strict=True):
        gaussians.add(batch, told)
    torch.manual_seed(0)
    drawn = gaussians.sample(torch.full((20_000,), 4))
    own = latents[labels == 4]
    torch.testing.assert_close(drawn.mean(dim=0), own.mean(dim=0), atol=0.25, rtol=0)  # some were seen before
    torch.testing.assert_close(drawn.T.cov(), own.T.cov(), atol=0.8, rtol=0)


def test_before_anything_was_seen_every_label_is_standard_normal() -> None:
    torch.manual_seed(0)
    drawn = LabelGaussians(2).sample(torch.zeros(20_000, dtype=torch.int64))
    torch.testing.assert_close(drawn.T.cov(), torch.eye(2), atol=0.05, rtol=0)


def test_means_by_label_are_of_the_label_alone_and_wait_for_its_first_picture() -> None:
    means = LabelMeans(2, decay=1.0)
    for seed in range(3):
        means.add(cloud(100, seed=seed, centre=2), torch.zeros(100, dtype=torch.int64))
    torch.testing.assert_close(means.get_buffer("mean")[0], torch.full((2,), 2.0), atol=0.2, rtol=0)
    assert (means.get_buffer("mean")[1:] == 0).all()


def test_every_label_is_moved_towards_its_own_mean() -> None:
    real, made = LabelMeans(2, 1.0), LabelMeans(2, 1.0)
    values, labels = torch.zeros(4, 2, requires_grad=True), torch.tensor([0, 0, 1, 1])
    real.add(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, -3.0], [0.0, -3.0]]), labels)
    made.add(values, labels)
    towards_labels(values, labels, made, real).backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad[0], torch.tensor([-0.5, 0.0]))
    torch.testing.assert_close(values.grad[3], torch.tensor([0.0, 1.5]))
