import numpy as np
import pytest
from numpy.typing import NDArray

from fashion.labels import NUM_LABELS
from training.answers import one_label_each
from training.conformal import (
    choose_thresholds,
    covered_by_label,
    marginal_thresholds,
    thresholds_by_label,
)


def drawn(count: int, seed: int, hard: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities with labels drawn from them; of the label `hard` the classifier knows next to nothing."""
    random = np.random.default_rng(seed)
    labels = random.integers(NUM_LABELS, size=count)
    logits = random.normal(size=(count, NUM_LABELS))
    logits[np.arange(count), labels] += np.where(labels == hard, 0.0, 6.0)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities, one_label_each(labels)


@pytest.mark.parametrize("coverage", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("fit", [marginal_thresholds, thresholds_by_label])
def test_sets_cover_what_they_promise_on_pictures_that_were_not_fitted(fit, coverage):
    thresholds = fit(*drawn(4000, seed=0), coverage=coverage)
    probabilities, acceptable = drawn(20_000, seed=1)

    covered = (thresholds.sets(probabilities) & acceptable).any(axis=1).mean()

    # Sets always hold the most probable label, so coverage may be above the promise where that suffices.
    assert covered >= coverage - 0.01


def test_one_threshold_shortchanges_a_hard_label_and_its_own_does_not():
    fitted, fresh = drawn(6000, seed=0, hard=6), drawn(20_000, seed=1, hard=6)

    marginal = covered_by_label(marginal_thresholds(*fitted, coverage=0.95).sets(fresh[0]), fresh[1])
    by_label = covered_by_label(thresholds_by_label(*fitted, coverage=0.95).sets(fresh[0]), fresh[1])

    assert marginal[6] < 0.7
    assert by_label[6] == pytest.approx(0.95, abs=0.03)


def test_labels_get_thresholds_of_their_own_only_where_one_is_shortchanged():
    assert choose_thresholds(*drawn(6000, seed=0, hard=6), coverage=0.95).kind == "by_label"
    assert choose_thresholds(*drawn(6000, seed=0), coverage=0.95).kind == "marginal"


def test_too_few_pictures_of_a_label_leave_one_threshold_for_all():
    assert choose_thresholds(*drawn(300, seed=0, hard=6), coverage=0.99).kind == "marginal"


def test_a_set_is_never_empty():
    probabilities, acceptable = drawn(500, seed=0)
    thresholds = marginal_thresholds(probabilities, acceptable, 0.5)

    assert thresholds.sets(np.full((3, NUM_LABELS), 0.1)).any(axis=1).all()


def test_a_picture_with_several_right_labels_is_covered_by_any_of_them():
    probabilities = np.tile([0.7, 0.2] + [0.1 / 8] * 8, (99, 1))
    acceptable = np.tile([True, True] + [False] * 8, (99, 1))

    assert marginal_thresholds(probabilities, acceptable, 0.9).thresholds == pytest.approx(np.full(10, 0.7))


def test_too_few_pictures_for_the_promise_admit_every_label():
    probabilities, acceptable = drawn(20, seed=0)

    assert not marginal_thresholds(probabilities, acceptable, 0.99).thresholds.any()
