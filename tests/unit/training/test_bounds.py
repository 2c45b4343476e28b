"""What is said of a model in nats: the terms of -ELBO, and the importance-weighted bound."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder, cross_entropy_nats
from fashion.errors import InvalidValue
from fashion.manifest import Prior
from fashion.prior import GaussianMixture, prior_of
from tests.tiny_artifacts import tiny_autoencoder
from tests.unit.training.tiny_data import stripes
from training.bounds import (
    ImportanceBound,
    bound,
    entropy_floor_nats,
    importance_bound,
    pixels_of,
    standard_error,
)
from training.posteriors import posteriors_of
from training.prior_fitting import add_prior, log_density

DATASET = stripes(200)


@pytest.fixture(scope="module")
def vae(autoencoder_artifact: Artifact) -> Autoencoder:
    return Autoencoder(autoencoder_artifact)


def standard(folder: Path) -> Autoencoder:
    """A model that draws from N(0, I)."""

    def change(manifest):
        return manifest.model_copy(update={"prior": Prior(kind="standard_normal")})

    return Autoencoder(tiny_autoencoder(folder / "vae", change=change))


def test_a_bound_to_the_standard_normal_has_the_closed_form(tmp_path: Path) -> None:
    terms = bound(standard(tmp_path), DATASET.images)
    np.testing.assert_array_equal(terms.kl_nats, terms.standard_kl_nats)


def test_a_prior_fitted_to_the_latents_tightens_the_bound(tmp_path: Path) -> None:
    artifact = tiny_autoencoder(tmp_path / "vae")
    fitted = Autoencoder(add_prior(artifact, DATASET, components=1))
    terms = bound(fitted, DATASET.images)
    assert terms.kl_nats.mean() < terms.standard_kl_nats.mean()


def test_both_terms_are_those_of_the_same_sampled_latent(vae: Autoencoder) -> None:
    terms = bound(vae, DATASET.images, seed=4)
    posteriors = posteriors_of(vae, DATASET.images)
    latents = posteriors.sampled(4)
    prior = prior_of(vae.artifact)
    assert isinstance(prior, GaussianMixture)
    expected = posteriors.log_density(latents) - log_density(prior, latents)
    np.testing.assert_allclose(terms.kl_nats, expected)
    found = cross_entropy_nats(pixels_of(DATASET.images), vae.decode(latents))
    np.testing.assert_allclose(terms.reconstruction_nats, found, rtol=1e-5)


def test_the_same_seed_gives_the_same_bound(vae: Autoencoder) -> None:
    first, again, other = (bound(vae, DATASET.images, seed).kl_nats for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_floor_of_black_and_white_pictures_is_zero() -> None:
    black_and_white = np.where(DATASET.images > 127, 255, 0).astype(np.uint8)
    assert entropy_floor_nats(black_and_white) == pytest.approx(0, abs=1e-2)


def test_one_importance_sample_is_the_negative_elbo_on_average(vae: Autoencoder) -> None:
    found = importance_bound(vae, DATASET.images, len(DATASET), num_samples=1)
    assert abs(found.gains_nats.mean()) < 4 * standard_error(found.gains_nats)
    assert found.gains_nats.std() > 0


@pytest.mark.parametrize("mixed", [True, False], ids=["own prior", "standard normal"])
def test_importance_weights_are_likelihood_and_prior_over_proposal(tmp_path: Path, mixed: bool) -> None:
    vae = Autoencoder(tiny_autoencoder(tmp_path / "vae")) if mixed else standard(tmp_path)
    images = np.where(DATASET.images[:2] > 127, 255, 0).astype(np.uint8)  # stays so when it is binarised
    found = importance_bound(vae, images, 2, num_samples=7)

    random = np.random.default_rng(0)
    random.random(images.shape, dtype=np.float32)
    posterior = posteriors_of(vae, images)
    latents = posterior.repeated(0, 7).sampled(int(random.integers(2**63)))
    likelihoods = -cross_entropy_nats(np.repeat(pixels_of(images[:1]), 7, axis=0), vae.decode(latents))
    proposals = norm.logpdf(latents, posterior.mean[0], np.exp(posterior.log_variance[0] / 2)).sum(axis=1)
    prior = prior_of(vae.artifact)
    priors = norm.logpdf(latents).sum(axis=1)
    if isinstance(prior, GaussianMixture):
        priors = log_density(prior, latents)
    expected = np.log(7) - logsumexp(likelihoods + priors - proposals)
    assert found.negative_elbo_nats[0] - found.gains_nats[0] == pytest.approx(expected, rel=1e-5)


def test_the_importance_bound_is_below_the_negative_elbo_and_tells_its_error(vae: Autoencoder) -> None:
    few = importance_bound(vae, DATASET.images, 10, num_samples=50)
    figures = few.figures()
    assert figures["importance_bound_nats"] < figures["binarised_negative_elbo_nats"]
    assert few.error_nats > standard_error(few.gains_nats)
    assert figures["importance_bound_pictures"] == 10


def test_the_gain_on_some_pictures_stands_for_all() -> None:
    found = ImportanceBound(np.array([10.0, 20.0, 30.0]), np.array([4.0, 6.0]))
    assert found.nats == 15
    assert found.error_nats == pytest.approx(np.hypot(10 / np.sqrt(3), 1))


@pytest.mark.parametrize("count", [1, 201])
def test_a_number_of_pictures_without_an_error_is_refused(vae: Autoencoder, count: int) -> None:
    with pytest.raises(InvalidValue, match="2 to 200 pictures"):
        importance_bound(vae, DATASET.images, count)
