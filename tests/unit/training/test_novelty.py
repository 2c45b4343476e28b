import io

import numpy as np
import pytest

from fashion.labels import NUM_LABELS
from training.answers import Answers, one_label_each
from training.novelty import FALSE_ALARMS, fit_novelty

FEATURES = 6
CENTRES = np.random.default_rng(5).normal(scale=4, size=(NUM_LABELS, FEATURES))


def clusters(count, seed):
    """Features about ten centres, one direction far wider than the others, and logits that know the label."""
    random = np.random.default_rng(seed)
    labels = random.integers(NUM_LABELS, size=count)
    spread = np.array([8.0] + [0.5] * (FEATURES - 1))
    features = CENTRES[labels] + random.normal(size=(count, FEATURES)) * spread
    logits = 10 * np.eye(NUM_LABELS)[labels] + random.normal(size=(count, NUM_LABELS))
    return Answers(logits.astype(np.float32), features.astype(np.float32), one_label_each(labels))


FIT = fit_novelty(clusters(2000, 0), clusters(1000, 1))


def novelty(answers):
    return np.searchsorted(FIT.quantiles, FIT.score()(answers.outputs)) / len(FIT.quantiles)


def test_new_pictures_of_the_same_kind_raise_as_many_false_alarms_as_promised():
    alarms = (novelty(clusters(10_000, 2)) > FIT.threshold).mean()

    assert alarms == pytest.approx(FALSE_ALARMS, abs=0.015)


def test_a_step_aside_is_novel_where_training_pictures_do_not_spread_and_not_where_they_do():
    pictures = clusters(1000, 3)
    narrow, wide = (
        Answers(
            pictures.logits,
            pictures.features + np.float32(5) * np.eye(FEATURES, dtype=np.float32)[axis],
            pictures.acceptable,
        )
        for axis in (3, 0)
    )

    assert (novelty(narrow) > FIT.threshold).mean() > 0.9
    assert (novelty(wide) > FIT.threshold).mean() < 0.2


def test_logits_without_conviction_raise_novelty():
    pictures = clusters(1000, 3)
    unsure = Answers(np.zeros_like(pictures.logits), pictures.features, pictures.acceptable)

    assert novelty(unsure).mean() > novelty(pictures).mean() + 0.3


def test_a_feature_that_never_fires_breaks_nothing():
    trained, calibration = (
        Answers(
            part.logits, np.hstack([part.features, np.zeros((len(part), 1), np.float32)]), part.acceptable
        )
        for part in (clusters(500, 0), clusters(500, 1))
    )

    assert np.isfinite(fit_novelty(trained, calibration).quantiles).all()


def test_the_file_holds_the_arrays_that_serving_reads():
    with np.load(io.BytesIO(FIT.content()), allow_pickle=False) as arrays:
        assert set(arrays.files) == {"whitening", "class_means"}
        assert arrays["class_means"].shape == (NUM_LABELS, FEATURES)


def with_early(answers, seed, *, stranger=False):
    """The same pictures with statistics of a first layer, which know no label."""
    random = np.random.default_rng(seed)
    early = random.normal(loc=6 if stranger else 0, size=(len(answers), 4)).astype(np.float32)
    return Answers(answers.logits, answers.features, answers.acceptable, early)


def test_a_first_layer_that_sees_something_else_raises_novelty_by_itself():
    fit = fit_novelty(with_early(clusters(2000, 0), 0), with_early(clusters(1000, 1), 1))
    usual, strange = (
        fit.score()(with_early(clusters(500, 3), 3, stranger=stranger).outputs) for stranger in (False, True)
    )

    assert (usual > fit.quantiles[189]).mean() == pytest.approx(FALSE_ALARMS, abs=0.04)
    assert (strange > fit.quantiles[189]).mean() > 0.9


def test_the_first_layers_spread_goes_into_the_file():
    fit = fit_novelty(with_early(clusters(500, 0), 0), with_early(clusters(500, 1), 1))

    with np.load(io.BytesIO(fit.content()), allow_pickle=False) as arrays:
        assert arrays["early_class_means"].shape == (NUM_LABELS, 4)
