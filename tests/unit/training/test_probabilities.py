import numpy as np
import pytest

from fashion.classifier import softmax, with_confidence
from fashion.labels import NUM_LABELS
from training.answers import Answers, one_label_each
from training.metrics import calibration_error
from training.probabilities import (
    FAMILIES,
    STRAIGHT,
    Method,
    brier_scores,
    choose_scaling,
    fit_method,
    fit_scaling,
    loss_nats,
    simplest_good,
)


def drawn(count, *, sharpness=1.0, bias=None, seed=0):
    """Logits whose labels were drawn from softmax(logits * sharpness + bias), which fits look for."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2, size=(count, NUM_LABELS)).astype(np.float32)
    truth = softmax(logits * sharpness + (0 if bias is None else bias))
    labels = np.array([random.choice(NUM_LABELS, p=row) for row in truth])
    return Answers(logits, np.zeros((count, 1), np.float32), one_label_each(labels))


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found_again(sharpness):
    scaling = fit_scaling(drawn(4000, sharpness=sharpness), "temperature")

    assert scaling.scale == pytest.approx(np.full(NUM_LABELS, sharpness), rel=0.1)
    assert not scaling.bias.any()


def test_one_temperature_is_chosen_where_one_suffices_for_few_pictures():
    assert choose_scaling(drawn(200, sharpness=0.5)).method.family == "temperature"


def test_biases_are_chosen_where_labels_are_favoured():
    bias = np.linspace(-3, 3, NUM_LABELS)
    chosen = choose_scaling(drawn(3000, bias=bias))

    assert chosen.method.family != "temperature"
    assert chosen.held_out_scores[chosen.method] == min(chosen.held_out_scores.values())


PLAIN, FREE = Method("temperature", False), Method("vector", True)


def test_a_method_that_is_ahead_by_chance_alone_is_not_chosen_over_a_simpler_one():
    better_here_and_worse_there = np.tile([0.011, -0.01], 50)
    plain = np.full(100, 0.2)

    assert simplest_good({PLAIN: plain, FREE: plain - better_here_and_worse_there}) == PLAIN


def test_a_method_that_is_ahead_by_more_than_chance_is_chosen():
    a_little_better_nearly_everywhere = np.tile([0.0, 0.002, 0.002], 40)
    plain = np.full(120, 0.2)

    assert simplest_good({PLAIN: plain, FREE: plain - a_little_better_nearly_everywhere}) == FREE


def test_fitting_lowers_the_calibration_error_on_pictures_that_were_not_fitted():
    overconfident, fresh = (drawn(3000, sharpness=0.3, seed=seed) for seed in (0, 1))
    right = fresh.acceptable

    def error(probabilities):
        confident = probabilities.argmax(axis=1)
        return calibration_error(probabilities.max(axis=1), right[np.arange(len(right)), confident])

    assert error(softmax(fresh.logits)) > 0.2
    assert error(choose_scaling(overconfident).scaling(fresh.logits)) < 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_is_never_worse_than_the_plain_softmax_on_what_it_was_fitted_to(family):
    answers = drawn(500, sharpness=0.7, bias=np.linspace(0, 2, NUM_LABELS))

    fitted = loss_nats(fit_scaling(answers, family)(answers.logits), answers.acceptable).mean()

    assert fitted < loss_nats(softmax(answers.logits), answers.acceptable).mean()


def test_a_picture_with_several_right_labels_counts_their_probabilities_together():
    probabilities = np.array([[0.2, 0.3, 0.5] + [0.0] * 7])
    acceptable = np.array([[True, True] + [False] * 8])

    assert loss_nats(probabilities, acceptable) == pytest.approx(-np.log(0.5))


def test_biases_settle_where_each_label_is_expected_as_often_as_it_comes():
    answers = drawn(500, sharpness=0.5)
    three = np.arange(NUM_LABELS) < 3
    shared = np.where(answers.acceptable[:, :3].any(axis=1, keepdims=True), three, answers.acceptable)
    answers = Answers(answers.logits, answers.features, shared)

    probabilities = fit_scaling(answers, "vector")(answers.logits)

    # Where several labels are right, each comes as often as the classifier believes in it among them.
    within = np.where(shared, probabilities, 0)
    came = within / within.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities.mean(axis=0), came.mean(axis=0), atol=1e-3)


def doubtful(count, seed):
    """Answers that are right less often the surer they are: no temperature mends that."""
    answers = drawn(count, sharpness=3, seed=seed)
    random = np.random.default_rng(seed)
    sure = softmax(3 * answers.logits).max(axis=1) > 0.9
    wrong = sure & (random.random(count) < 0.2)
    acceptable = answers.acceptable.copy()
    acceptable[wrong] = np.roll(acceptable[wrong], 1, axis=1)
    return Answers(answers.logits, answers.features, acceptable)


def test_a_curve_mends_what_a_temperature_cannot():
    fitted, fresh = doubtful(4000, 0), doubtful(4000, 1)

    def error(curved):
        made = fit_method(fitted, Method("temperature", curved))(fresh.logits)
        right = fresh.acceptable[np.arange(len(made)), made.argmax(axis=1)]
        return calibration_error(made.max(axis=1), right)

    assert error(curved=True) < 0.6 * error(curved=False)


def test_a_curve_is_taken_where_it_helps_the_probability_that_it_moves_and_else_not():
    assert choose_scaling(doubtful(2000, 0), ["temperature"]).method == Method("temperature", True)
    assert choose_scaling(drawn(2000, sharpness=0.5), ["temperature"]).method == Method("temperature", False)


def test_a_curve_changes_no_answer_and_probabilities_still_sum_to_one():
    plain = softmax(drawn(500).logits)

    moved = with_confidence(plain, (0.5, 0.2, -3.0))

    np.testing.assert_allclose(moved.sum(axis=1), 1)
    assert moved.min() >= 0
    assert (moved.argmax(axis=1) == plain.argmax(axis=1)).all()
    np.testing.assert_allclose(with_confidence(plain, STRAIGHT), plain, atol=1e-6)


def test_the_score_is_zero_for_the_truth_and_two_for_its_opposite():
    truth = np.eye(NUM_LABELS)[:2]

    np.testing.assert_allclose(brier_scores(truth, truth.astype(bool)), 0)
    np.testing.assert_allclose(brier_scores(truth[::-1], truth.astype(bool)), 2)
