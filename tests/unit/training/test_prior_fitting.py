"""The prior by label: it finds where latents lie, and joins the artifact that generates from it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.errors import InvalidValue
from fashion.labels import NUM_LABELS
from fashion.manifest import Prior
from fashion.prior import GaussianMixture
from tests.tiny_artifacts import LATENT, tiny_autoencoder
from training.dataset import Dataset
from training.posteriors import Posteriors, posteriors_of
from training.prior_fitting import (
    add_prior,
    fit_prior,
    log_density,
    prior_bytes,
)

COUNT = 60
"""Pictures of each label."""


def latents_of_two_clouds_a_label() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clouds at plus and minus (label, 5) with a spread of 0.1, as many latents in each."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(NUM_LABELS), COUNT)
    centres = np.stack([labels, np.full_like(labels, 5)], axis=1) * random.choice([-1, 1], (len(labels), 1))
    return (centres + 0.1 * random.normal(size=centres.shape)).astype(np.float32), labels


def random_dataset(count: int = NUM_LABELS * COUNT) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    return Dataset(images, np.arange(count) % NUM_LABELS)


def without_prior(folder: Path) -> Artifact:
    return tiny_autoencoder(
        folder, change=lambda manifest: manifest.model_copy(update={"prior": Prior(kind="none"), "files": {}})
    )


@pytest.fixture(scope="module")
def mixture() -> GaussianMixture:
    return fit_prior(*latents_of_two_clouds_a_label(), components=2)


def test_the_components_of_a_label_are_its_clouds(mixture: GaussianMixture) -> None:
    for label in range(NUM_LABELS):
        found = mixture.means[label][np.argsort(mixture.means[label][:, 1])]
        np.testing.assert_allclose(found, [[-label, -5], [label, 5]], atol=0.1)
    np.testing.assert_allclose(mixture.weights.sum(axis=1), 1)
    np.testing.assert_allclose(mixture.label_frequencies, 0.1)


def test_factors_are_those_of_the_covariances(mixture: GaussianMixture) -> None:
    covariances = mixture.factors @ np.swapaxes(mixture.factors, -1, -2)
    np.testing.assert_allclose(covariances, np.broadcast_to(0.01 * np.eye(2), covariances.shape), atol=0.008)
    assert (np.triu(mixture.factors, 1) == 0).all()


def test_log_density_is_that_of_the_written_out_mixture(mixture: GaussianMixture) -> None:
    points = latents_of_two_clouds_a_label()[0][::7]
    expected = np.zeros(len(points))
    for label, component in np.ndindex(*mixture.weights.shape):
        factor = mixture.factors[label, component].astype(float)
        gaussian = multivariate_normal(mixture.means[label, component], factor @ factor.T)
        expected += 0.1 * mixture.weights[label, component] * gaussian.pdf(points)
    np.testing.assert_allclose(np.exp(log_density(mixture, points)), expected, rtol=1e-4)


def test_log_density_counts_labels_by_their_frequency() -> None:
    latents, labels = latents_of_two_clouds_a_label()
    kept = (labels != 3) | (np.arange(len(labels)) % 6 == 0)
    rare = fit_prior(latents[kept], labels[kept], components=2)
    common = fit_prior(latents, labels, components=2)
    at_the_rare_label = np.array([[3, 5]], dtype=np.float32)
    assert log_density(rare, at_the_rare_label) < log_density(common, at_the_rare_label) - 0.5


def test_a_label_with_too_few_pictures_is_refused_by_name() -> None:
    latents, labels = latents_of_two_clouds_a_label()
    kept = (labels != 9) | (np.arange(len(labels)) % COUNT < 3)
    with pytest.raises(InvalidValue, match="came 3 of Ankle boot"):
        fit_prior(latents[kept], labels[kept], components=2)


def test_equal_latents_and_seed_give_equal_bytes(mixture: GaussianMixture) -> None:
    again = fit_prior(*latents_of_two_clouds_a_label(), components=2)
    assert prior_bytes(again) == prior_bytes(mixture)


def test_the_artifact_generates_by_label_from_where_that_label_s_latents_lie(tmp_path: Path) -> None:
    dataset = random_dataset(4_000)
    bright = Dataset(np.where(dataset.labels[:, None, None] == 4, dataset.images, 0), dataset.labels)
    artifact = without_prior(tmp_path / "vae")
    completed = Autoencoder(add_prior(artifact, bright, components=1))
    assert completed.artifact.folder == artifact.folder
    posteriors = posteriors_of(completed, bright.images)
    for label in (4, 7):
        drawn = completed.generate(400, label=label).latents.mean(axis=0)
        here = posteriors.mean[bright.labels == label].mean(axis=0)
        np.testing.assert_allclose(drawn, here, atol=0.3)


def test_a_plain_autoencoder_has_no_posteriors(tmp_path: Path) -> None:
    plain = Autoencoder(tiny_autoencoder(tmp_path / "plain", variational=False))
    with pytest.raises(InvalidValue, match="needs a variational autoencoder"):
        posteriors_of(plain, random_dataset(10).images)


def test_posteriors_are_sampled_by_seed_with_their_own_spread() -> None:
    posteriors = Posteriors(np.full((20_000, 1), 3, np.float32), np.full((20_000, 1), -2, np.float32))
    latents = posteriors.sampled(0)
    np.testing.assert_array_equal(latents, posteriors.sampled(0))
    assert (latents != posteriors.sampled(1)).any()
    assert latents.mean() == pytest.approx(3, abs=0.02)
    assert latents.std() == pytest.approx(np.exp(-1), abs=0.01)


def test_sampled_densities_average_to_the_closed_form_of_the_divergence(
    autoencoder_artifact: Artifact,
) -> None:
    one = posteriors_of(Autoencoder(autoencoder_artifact), random_dataset(1).images)
    many = Posteriors(np.repeat(one.mean, 50_000, axis=0), np.repeat(one.log_variance, 50_000, axis=0))
    latents = many.sampled(0)
    standard = multivariate_normal(np.zeros(LATENT)).logpdf(latents)
    sampled = (many.log_density(latents) - standard).mean()
    assert sampled == pytest.approx(one.standard_kl_nats()[0], abs=0.1)
