"""The prior of two modes: which latents are drawn, and what a picture in the smooth mode pays."""

import io
from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion.labels import NUM_LABELS
from fashion.prior import GaussianMixture
from training.latent_layout import SWITCH_LOG_VARIANCE, LatentLayout
from training.mode_priors import with_both_modes
from training.prior_fitting import fit_prior, log_density, prior_bytes

LAYOUT = LatentLayout(content=2, grain=3)
CODE = slice(2, 2 + NUM_LABELS)


def contents() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A cloud about (label, 1) for each label."""
    labels = np.arange(600) % NUM_LABELS
    noise = np.random.default_rng(0).normal(size=(600, 2))
    return (np.stack([labels, np.ones(600)], axis=1) + noise).astype(np.float32), labels


@pytest.fixture(scope="module")
def content() -> GaussianMixture:
    return fit_prior(*contents(), components=2)


@pytest.fixture(scope="module")
def prior(content: GaussianMixture) -> GaussianMixture:
    return with_both_modes(content, LAYOUT, smooth_share=0.2)


def test_a_label_that_is_asked_for_is_textured_and_told_by_its_number(prior: GaussianMixture) -> None:
    drawn, _ = prior.sample(300, 4, 1.0, np.random.default_rng(0))
    assert drawn.shape == (300, LAYOUT.size)
    assert (drawn[:, -1] < 0).all()
    np.testing.assert_allclose(drawn[:, CODE].mean(axis=0), np.eye(NUM_LABELS)[4], atol=0.05)
    np.testing.assert_allclose(drawn[:, :2].mean(axis=0), [4, 1], atol=0.4)


def test_pictures_of_any_label_come_from_the_density_with_both_its_modes(prior: GaussianMixture) -> None:
    drawn, labels = prior.sample(4_000, None, 1.0, np.random.default_rng(0))
    is_smooth = drawn[:, -1] > 0
    assert is_smooth.mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_allclose(drawn[is_smooth][:, CODE].std(axis=0), 1, atol=0.15)
    np.testing.assert_array_equal(drawn[~is_smooth][:, CODE].argmax(axis=1), np.array(labels)[~is_smooth])


def test_a_latent_of_the_smooth_mode_pays_the_share_of_its_mode_and_nothing_else(
    prior: GaussianMixture, content: GaussianMixture
) -> None:
    random, latents = np.random.default_rng(0), contents()[0][:50]
    others = random.standard_normal((50, LAYOUT.size - 3)).astype(np.float32)
    spread = np.exp(SWITCH_LOG_VARIANCE / 2)
    switch = (1 + spread * random.standard_normal((50, 1))).astype(np.float32)
    posterior = -0.5 * (np.square(others) + log(2 * np.pi)).sum(axis=1)
    posterior -= (0.5 * (np.square((switch - 1) / spread) + log(2 * np.pi)) + np.log(spread))[:, 0]
    paid = posterior - log_density(prior, np.concatenate([latents, others, switch], axis=1))
    np.testing.assert_allclose(paid, -log(0.2) - log_density(content, latents), atol=1e-3)


def test_it_is_the_same_after_reading_it_from_its_file(prior: GaussianMixture) -> None:
    with np.load(io.BytesIO(prior_bytes(prior))) as arrays:
        read = GaussianMixture.from_arrays(dict(arrays), latent_size=LAYOUT.size)
    for label in (None, 4):
        ours, theirs = (each.sample(50, label, 1.0, np.random.default_rng(1))[0] for each in (prior, read))
        np.testing.assert_array_equal(ours, theirs)
