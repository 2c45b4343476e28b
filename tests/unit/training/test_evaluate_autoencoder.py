"""The report on an autoencoder: which figures it has, and how they hang together."""

from pathlib import Path

import numpy as np
import pytest

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import Prior
from tests.tiny_artifacts import tiny_autoencoder
from tests.unit.training.tiny_data import stripes
from training.answers import as_network_inputs
from training.evaluate_autoencoder import Witnesses, evaluate_autoencoder
from training.judging import judge_samples
from training.label_agreement import label_agreement
from training.neighbours import nearest_distances, neighbours_figure

DATASET, TRAINING = stripes(200), stripes(400, seed=1)


@pytest.fixture(scope="module")
def vae(autoencoder_artifact: Artifact) -> Autoencoder:
    return Autoencoder(autoencoder_artifact)


@pytest.fixture(scope="module")
def classifier(classifier_artifact: Artifact) -> Classifier:
    return Classifier(classifier_artifact)


def test_the_bound_is_told_in_its_two_terms_above_the_floor(vae: Autoencoder) -> None:
    figures = evaluate_autoencoder(vae, DATASET, "validation").figures
    parts = figures["reconstruction_nats"] + figures["kl_nats"]
    assert figures["negative_elbo_nats"] == pytest.approx(parts)
    assert figures["above_floor_nats"] == pytest.approx(parts - figures["entropy_floor_nats"])
    assert figures["reconstruction_nats"] > figures["entropy_floor_nats"] > 0
    assert 0 < figures["negative_elbo_nats_error"] < figures["negative_elbo_nats"]


def test_a_plain_autoencoder_is_reported_without_nats_and_without_samples(
    tmp_path: Path, classifier: Classifier
) -> None:
    plain = Autoencoder(tiny_autoencoder(tmp_path / "plain", variational=False))
    witnesses = Witnesses(TRAINING, classifier, classifier, importance_pictures=5)
    figures = evaluate_autoencoder(plain, DATASET, "validation", witnesses).figures
    assert set(figures) == {
        "mean_squared_error",
        "mean_squared_error_error",
        "psnr_decibels",
        "structural_similarity",
        "k_means_accuracy",
        "k_means_normalized_mutual_information",
        "linear_probe_accuracy",
        "num_parameters",
        "latent_size",
        "num_bytes",
        "milliseconds_to_encode",
        "milliseconds_to_decode",
    }
    assert figures["mean_squared_error"] == pytest.approx(
        float(plain.reconstruct(DATASET.images).mean_squared_error.mean())
    )


def test_with_all_witnesses_everything_is_reported(vae: Autoencoder, classifier: Classifier) -> None:
    witnesses = Witnesses(TRAINING, classifier, classifier, importance_pictures=5, samples_of_a_label=20)
    made = evaluate_autoencoder(vae, DATASET, "validation", witnesses)
    assert made.figures["importance_bound_nats"] < made.figures["negative_elbo_nats"]
    assert made.figures["samples_frechet_ratio"] == pytest.approx(
        made.figures["samples_frechet_distance"] / made.figures["halves_of_training_frechet_distance"]
    )
    shares = ("label_agreement", "samples_precision", "k_means_accuracy", "linear_probe_accuracy")
    assert all(0 <= made.figures[name] <= 1 for name in shares)
    assert "Samples by label" in made.as_markdown()
    assert "Samples among real pictures" in made.as_markdown()


def test_a_prior_without_labels_is_not_asked_for_any(tmp_path: Path, classifier: Classifier) -> None:
    artifact = tiny_autoencoder(
        tmp_path / "vae",
        change=lambda manifest: manifest.model_copy(update={"prior": Prior(kind="standard_normal")}),
    )
    witnesses = Witnesses(TRAINING, classifier, classifier)
    figures = evaluate_autoencoder(Autoencoder(artifact), DATASET, "validation", witnesses).figures
    assert "label_agreement" not in figures
    assert "samples_recall" in figures


def test_label_agreement_is_counted_by_the_label_asked_for(vae: Autoencoder, classifier: Classifier) -> None:
    found = label_agreement(vae, classifier, DATASET, count=50, seed=0)
    expected = []
    for label in range(NUM_LABELS):
        drawn = (255 * vae.generate(50, label=label, seed=label).images + 0.5).astype(np.uint8)
        answered = classifier.classify(as_network_inputs(drawn))
        expected.append(float(np.mean([said.class_index == label for said in answered])))
    assert found.on_samples == expected
    assert sum(expected) > 0
    assert [row[0] for row in found.table().rows] == list(LABELS)


def test_training_pictures_are_judged_to_be_as_real_as_others(
    vae: Autoencoder, classifier: Classifier
) -> None:
    made = judge_samples(vae, classifier, TRAINING, DATASET)
    assert made.training.frechet_distance < made.samples.frechet_distance
    assert made.training.recall > made.samples.recall
    assert made.halves_distance < made.samples.frechet_distance
    assert made.num_pictures == len(DATASET)


def test_a_copy_has_no_distance_to_training(vae: Autoencoder) -> None:
    found = nearest_distances(vae, TRAINING, TRAINING)
    np.testing.assert_allclose(found.held_out, 0, atol=1e-3)
    elsewhere = nearest_distances(vae, TRAINING, DATASET)
    one = np.square((DATASET.images[0].astype(float) - TRAINING.images) / 255).mean(axis=(1, 2)).min()
    assert elsewhere.held_out[0] == pytest.approx(np.sqrt(one), rel=1e-4)


def test_neighbours_are_drawn_beside_samples_of_every_label(vae: Autoencoder) -> None:
    figure = neighbours_figure(vae, TRAINING)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == list(LABELS)
