"""The report on an autoencoder: which figures it has, and how they hang together."""

from pathlib import Path

import numpy as np
import pytest

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder, cross_entropy_nats
from fashion.classifier import Classifier
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import Prior
from fashion.prior import GaussianMixture, prior_of
from tests.tiny_artifacts import tiny_autoencoder
from training.dataset import Dataset
from training.evaluate_autoencoder import (
    bound,
    entropy_floor_nats,
    evaluate_autoencoder,
    label_agreement,
    pixels_of,
)
from training.posteriors import posteriors_of
from training.prior_fitting import add_prior, log_density

DATASET = Dataset(
    np.random.default_rng(0).integers(0, 256, (200, 28, 28), dtype=np.uint8), np.arange(200) % NUM_LABELS
)


@pytest.fixture(scope="module")
def vae(autoencoder_artifact: Artifact) -> Autoencoder:
    return Autoencoder(autoencoder_artifact)


def test_the_bound_is_told_in_its_two_terms_above_the_floor(vae: Autoencoder) -> None:
    figures = evaluate_autoencoder(vae, DATASET, "validation").figures
    parts = figures["reconstruction_nats"] + figures["kl_nats"]
    assert figures["negative_elbo_nats"] == pytest.approx(parts)
    assert figures["above_floor_nats"] == pytest.approx(parts - figures["entropy_floor_nats"])
    assert figures["reconstruction_nats"] > figures["entropy_floor_nats"] > 0
    assert 0 < figures["negative_elbo_nats_error"] < figures["negative_elbo_nats"]


def test_a_bound_to_the_standard_normal_has_the_closed_form(tmp_path: Path) -> None:
    standard = tiny_autoencoder(
        tmp_path / "vae",
        change=lambda manifest: manifest.model_copy(update={"prior": Prior(kind="standard_normal")}),
    )
    terms = bound(Autoencoder(standard), DATASET.images)
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


def test_a_plain_autoencoder_is_reported_without_nats(tmp_path: Path) -> None:
    plain = Autoencoder(tiny_autoencoder(tmp_path / "plain", variational=False))
    figures = evaluate_autoencoder(plain, DATASET, "validation").figures
    assert set(figures) == {"mean_squared_error", "mean_squared_error_error", "psnr_decibels"}
    assert figures["mean_squared_error"] == pytest.approx(
        float(plain.reconstruct(DATASET.images).mean_squared_error.mean())
    )


def test_the_floor_of_black_and_white_pictures_is_zero() -> None:
    black_and_white = np.where(DATASET.images > 127, 255, 0).astype(np.uint8)
    assert entropy_floor_nats(black_and_white) == pytest.approx(0, abs=1e-2)


def test_label_agreement_is_counted_by_the_label_asked_for(
    vae: Autoencoder, classifier_artifact: Artifact
) -> None:
    classifier = Classifier(classifier_artifact)
    found = label_agreement(vae, classifier, DATASET, count=50, seed=0)
    expected = []
    for label in range(NUM_LABELS):
        drawn = np.rint(255 * vae.generate(50, label=label, seed=label).images).astype(np.uint8)
        answered = classifier.artifact.graphs["classifier"](drawn)[0].argmax(axis=1)
        expected.append(float((answered == label).mean()))
    assert found.on_samples == expected
    assert sum(expected) > 0
    assert [row[0] for row in found.table().rows] == list(LABELS)


def test_samples_are_judged_where_a_classifier_is_given(
    vae: Autoencoder, classifier_artifact: Artifact
) -> None:
    without = evaluate_autoencoder(vae, DATASET, "validation")
    judged = evaluate_autoencoder(
        vae, DATASET, "validation", classifier=Classifier(classifier_artifact), samples_of_a_label=20
    )
    assert "label_agreement" not in without.figures
    assert 0 <= judged.figures["label_agreement"] <= 1
    assert "Samples by label" in judged.as_markdown()
