import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from training.metrics import (
    area_under_curve,
    calibration_error,
    calibration_error_by_chance,
    confusion,
    reliability,
    share_interval,
)

RANDOM = np.random.default_rng(0)


def test_confidence_that_is_always_right_by_as_much_as_it_says_has_no_calibration_error():
    confidences = np.repeat([0.25, 0.75], 400)
    right = (
        np.tile([True, False, False, False], 100).tolist() + np.tile([True, True, True, False], 100).tolist()
    )

    assert calibration_error(confidences, np.array(right)) == pytest.approx(0)


def test_calibration_error_is_the_distance_of_confidence_from_accuracy():
    assert calibration_error(np.full(10, 0.9), np.zeros(10, bool)) == pytest.approx(0.9)


def test_chance_alone_makes_a_calibration_error_that_fades_with_more_pictures():
    few, many = RANDOM.uniform(0.3, 1, 320), RANDOM.uniform(0.3, 1, 32_000)

    assert calibration_error_by_chance(np.ones(320)) == 0
    assert 0.04 < calibration_error_by_chance(few) < 0.09
    assert calibration_error_by_chance(many) == pytest.approx(calibration_error_by_chance(few) / 10, rel=0.2)


def test_certainty_falls_into_the_last_bin():
    ((count, confidence, accuracy),) = reliability(np.array([1.0, 0.99]), np.array([True, True]))

    assert (count, accuracy) == (2, 1.0)
    assert confidence == pytest.approx(0.995)


def test_the_area_under_the_curve_is_that_of_scikit_learn_ties_included():
    inside = RANDOM.integers(0, 20, 300).astype(np.float64)
    outside = RANDOM.integers(3, 23, 200).astype(np.float64)
    expected = roc_auc_score(np.repeat([0, 1], [300, 200]), np.concatenate([inside, outside]))

    assert area_under_curve(inside, outside) == pytest.approx(expected)


def test_confusion_has_a_row_for_each_true_label():
    labels, predicted = RANDOM.integers(0, 4, (2, 100))

    assert (confusion(labels, predicted, 4) == confusion_matrix(labels, predicted, labels=range(4))).all()


def test_the_interval_of_a_share_holds_it_and_stays_within_zero_and_one():
    low, high = share_interval(0.965, 10_000)

    assert low == pytest.approx(0.9612, abs=1e-4)
    assert high == pytest.approx(0.9684, abs=1e-4)
    assert share_interval(1.0, 10)[1] <= 1 + 1e-12
