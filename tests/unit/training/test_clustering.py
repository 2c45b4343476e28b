import numpy as np
import pytest

from fashion.autoencoder import Autoencoder
from tests.unit.training.tiny_data import stripes
from training.clustering import METHODS, agreement, best_matching, centres_figure, cluster, cluster_by_nats
from training.figures.style import style
from training.posteriors import Posteriors, posteriors_of

LABELS = np.arange(200) % 10


def test_clusters_that_are_the_labels_under_other_names_agree_fully():
    renamed = np.random.default_rng(0).permutation(10)
    found = agreement("any", renamed[LABELS], np.zeros((10, 2), np.float32), LABELS)

    assert found.accuracy == 1
    assert found.normalized_mutual_information == pytest.approx(1)
    assert found.adjusted_rand_index == pytest.approx(1)
    assert [renamed[label] for label in found.matched] == list(range(10))
    assert found.purities == (1,) * 10


def test_one_cluster_for_everything_tells_nothing():
    found = agreement("any", np.zeros(200, np.int64), np.zeros((10, 2), np.float32), LABELS)

    assert found.accuracy == pytest.approx(0.1)
    assert found.normalized_mutual_information == pytest.approx(0)


def test_every_cluster_is_matched_with_a_label_of_its_own():
    assigned = np.random.default_rng(0).integers(0, 10, 200)

    assert sorted(best_matching(LABELS, assigned)) == list(range(10))


def test_latents_are_clustered_by_both_methods_the_same_each_time(autoencoder_artifact):
    autoencoder = Autoencoder(autoencoder_artifact)
    first, second = (cluster(autoencoder, stripes(120), stripes(60, seed=1)) for _ in range(2))

    assert tuple(found.method for found in first) == METHODS
    assert [found.accuracy for found in first] == [found.accuracy for found in second]
    assert all(found.centres.shape == (10, autoencoder.latent_size) for found in first)
    with style():
        figure = centres_figure(autoencoder, first)
    assert len(figure.axes) == len(METHODS)


def test_by_nats_a_dimension_that_tells_nothing_has_no_weight(autoencoder_artifact):
    autoencoder = Autoencoder(autoencoder_artifact)
    found, again = (cluster_by_nats(autoencoder, stripes(120), stripes(60, seed=1)) for _ in range(2))

    assert found.accuracy == again.accuracy > 0
    assert found.centres.shape == (10, autoencoder.latent_size)
    nats = posteriors_of(autoencoder, stripes(120).images).dimension_nats()
    silent = Posteriors(np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32))
    assert (silent.dimension_nats() == 0).all()
    assert nats.sum() == pytest.approx(
        posteriors_of(autoencoder, stripes(120).images).standard_kl_nats().mean()
    )
