"""The objectives of autoencoders: their zeros, their floors, and the same figures as serving computes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from fashion import autoencoder as served
from training.losses import cross_entropy_nats, entropy_nats, kl_nats, sample_latents, squared_error


def random_posterior(seed: int = 0, latent: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, latent, generator=generator), torch.randn(5, latent, generator=generator)


def random_pixels() -> Tensor:
    return torch.rand(4, 28, 28, generator=torch.Generator().manual_seed(1))


def test_kl_is_zero_at_the_prior() -> None:
    zeros = torch.zeros(3, 16)
    assert kl_nats(zeros, zeros).tolist() == [0, 0, 0]


@given(mean=st.floats(-5, 5), log_variance=st.floats(-8, 4))
def test_kl_is_never_negative(mean: float, log_variance: float) -> None:
    assert float(kl_nats(torch.tensor([[mean]]), torch.tensor([[log_variance]]))) >= -1e-6


def test_kl_is_the_divergence_that_torch_computes() -> None:
    mean, log_variance = random_posterior()
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(kl_nats(mean, log_variance), expected)


def test_cross_entropy_meets_the_entropy_where_the_pixels_themselves_are_predicted() -> None:
    pixels = random_pixels()
    torch.testing.assert_close(cross_entropy_nats(torch.logit(pixels), pixels), entropy_nats(pixels))


def test_cross_entropy_is_above_the_entropy_for_any_other_prediction() -> None:
    pixels = random_pixels()
    assert (cross_entropy_nats(torch.logit(pixels) + 0.3, pixels) > entropy_nats(pixels)).all()


def test_entropy_of_black_and_white_pixels_is_zero() -> None:
    assert float(entropy_nats(torch.tensor([[[0.0, 1.0]]]))) == 0


def test_training_and_serving_compute_the_same_nats() -> None:
    mean, log_variance = random_posterior()
    pixels, logits = random_pixels(), torch.randn(4, 28, 28, generator=torch.Generator().manual_seed(2))
    np.testing.assert_allclose(
        kl_nats(mean, log_variance).numpy(), served.kl_nats(mean.numpy(), log_variance.numpy()), rtol=1e-5
    )
    np.testing.assert_allclose(
        cross_entropy_nats(logits, pixels).numpy(),
        served.cross_entropy_nats(pixels.numpy(), logits.sigmoid().numpy()),
        rtol=1e-5,
    )


def test_half_precision_logits_are_summed_in_full_precision() -> None:
    logits, pixels = torch.zeros(1, 28, 28, dtype=torch.bfloat16), torch.full((1, 28, 28), 0.5)
    assert float(cross_entropy_nats(logits, pixels)) == pytest.approx(784 * np.log(2), rel=1e-6)


def test_squared_error_is_a_mean_over_pixels_for_each_image() -> None:
    pixels = torch.zeros(2, 28, 28)
    decoded = torch.stack([torch.full((28, 28), 0.1), torch.full((28, 28), 0.5)])
    torch.testing.assert_close(squared_error(decoded, pixels), torch.tensor([0.01, 0.25]))


def test_sampled_latents_have_the_posterior_s_mean_and_spread() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.full((20_000, 1), 2.0), torch.full((20_000, 1), -2.0)
    latents = sample_latents(mean, log_variance)
    assert float(latents.mean()) == pytest.approx(2, abs=0.02)
    assert float(latents.std()) == pytest.approx(np.exp(-1), abs=0.01)


def test_sampled_latents_pass_gradients_to_both_parameters() -> None:
    mean, log_variance = (part.requires_grad_() for part in random_posterior())
    sample_latents(mean, log_variance).square().sum().backward()
    for part in (mean, log_variance):
        assert part.grad is not None
        assert part.grad.abs().min() > 0
