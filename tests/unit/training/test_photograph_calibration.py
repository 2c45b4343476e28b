"""What is fitted on a few senders' photographs holds for senders never seen."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from fashion.classifier import softmax
from fashion.labels import NUM_LABELS
from fashion.prediction import Answers as CalibratedAnswers
from training.answers import Answers, one_label_each
from training.calibrate import fit_answers_to_photographs
from training.conformal import marginal_thresholds
from training.metrics import calibration_error
from training.photograph_calibration import (
    choose_scaling_by_sender,
    fit_photograph_novelty,
    sender_weights,
    weighted_thresholds,
)

FEATURES = 4
COVERAGE = 0.95


def photographs(numbers, seed, *, easy=()):
    """Photographs of senders who took `numbers` of them, each sender harder or easier than the next one.

    Those named in `easy` have next to no wrong answers, as whoever has taken very many.
    """
    random = np.random.default_rng(seed)
    senders = np.repeat(np.arange(len(numbers)), numbers)
    ease = random.normal(2.5, 1, len(numbers))
    ease[list(easy)] = 9
    labels = random.integers(NUM_LABELS, size=len(senders))
    logits = random.normal(size=(len(senders), NUM_LABELS))
    logits[np.arange(len(senders)), labels] += ease[senders]
    features = np.eye(NUM_LABELS)[labels, :FEATURES] + random.normal(size=(len(senders), FEATURES))
    answers = Answers(logits.astype(np.float32), features.astype(np.float32), one_label_each(labels))
    return answers, senders.tolist()


TRAINED, _ = photographs([3] * 200, seed=0)
CALIBRATION, SENDERS = photographs([2] * 240 + [480, 480], seed=1, easy=(240, 241))
UNSEEN, _ = photographs([2] * 3000, seed=2)
WEIGHTS = sender_weights(SENDERS)


def coverage_of(thresholds, scaling):
    return (thresholds.sets(scaling(UNSEEN.logits)) & UNSEEN.acceptable).any(axis=1).mean()


def test_sets_cover_photographs_of_senders_never_seen_where_counting_pictures_alike_does_not():
    scaling = choose_scaling_by_sender(CALIBRATION, SENDERS).scaling
    probabilities = scaling(CALIBRATION.logits)

    by_sender = weighted_thresholds(probabilities, CALIBRATION.acceptable, WEIGHTS, COVERAGE)
    alike = marginal_thresholds(probabilities, CALIBRATION.acceptable, COVERAGE)

    assert 0.93 <= coverage_of(by_sender, scaling) <= 0.98
    assert coverage_of(alike, scaling) < 0.92


def test_as_many_photographs_of_senders_never_seen_are_called_novel_as_promised():
    fit = fit_photograph_novelty(TRAINED, CALIBRATION, WEIGHTS)
    alike = fit_photograph_novelty(TRAINED, CALIBRATION, np.ones(len(CALIBRATION)))

    def alarms(fit):
        rank = np.searchsorted(fit.quantiles, fit.score()(UNSEEN.outputs)) / len(fit.quantiles)
        return (rank > fit.threshold).mean()

    assert alarms(fit) == pytest.approx(0.05, abs=0.03)
    assert alarms(alike) > 0.08


def test_with_a_photograph_by_each_sender_the_threshold_is_that_of_split_conformal_prediction():
    probabilities, acceptable = np.random.default_rng(3).dirichlet(np.ones(NUM_LABELS), 254), None
    acceptable = one_label_each(probabilities.argmax(axis=1))

    for coverage in (0.9, 0.95, 0.99, 0.999):
        ours = weighted_thresholds(probabilities, acceptable, np.ones(254), coverage).thresholds
        assert ours == pytest.approx(marginal_thresholds(probabilities, acceptable, coverage).thresholds)


def test_a_sender_counts_as_the_root_of_the_number_of_photographs():
    weights = sender_weights([7, 7, 7, 7, 1, 3])

    assert weights.tolist() == [0.5, 0.5, 0.5, 0.5, 1, 1]


def test_probabilities_of_senders_never_seen_are_the_share_of_right_answers():
    timid = dataclasses.replace(CALIBRATION, logits=0.5 * CALIBRATION.logits)
    unseen = 0.5 * UNSEEN.logits
    right = UNSEEN.acceptable[np.arange(len(UNSEEN)), unseen.argmax(axis=1)]

    chosen = choose_scaling_by_sender(timid, SENDERS)

    assert calibration_error(softmax(unseen).max(axis=1), right) > 0.2
    assert calibration_error(chosen.scaling(unseen).max(axis=1), right) < 0.05
    assert chosen.held_out_scores[chosen.method] == min(chosen.held_out_scores.values())


def with_shoes(answers, count, seed):
    """So many photographs beside `answers` that a network gives three labels, each of which is right."""
    shoes = np.arange(NUM_LABELS) < 3
    scattered = np.random.default_rng(seed).normal(scale=0.3, size=(count, NUM_LABELS))
    return Answers(
        np.concatenate([answers.logits, (np.where(shoes, 5, 0) + scattered).astype(np.float32)]),
        np.concatenate([answers.features, np.zeros((count, FEATURES), np.float32)]),
        np.concatenate([answers.acceptable, np.tile(shoes, (count, 1))]),
    )


WITH_SHOES, SHOE_SENDERS = with_shoes(CALIBRATION, 60, seed=6), [*SENDERS, *range(1000, 1060)]


def test_a_curve_is_taken_where_low_probabilities_are_right_all_the_same():
    logits = WITH_SHOES.logits[-60:]

    chosen = choose_scaling_by_sender(WITH_SHOES, SHOE_SENDERS)

    assert chosen.method.curved
    assert chosen.scaling(logits).max(axis=1).mean() > 1.2 * softmax(logits).max(axis=1).mean()


def test_sets_cover_as_serving_makes_them_where_there_is_a_curve():
    mixed, senders = with_shoes(CALIBRATION, 480, seed=6), [*SENDERS, *range(1000, 1480)]
    fit = fit_answers_to_photographs(TRAINED, mixed, senders)
    manifest = fit.as_manifest().model_copy(update={"novelty_file": None})
    share = 480 / sender_weights(SENDERS).sum()  # of shoes, as senders count
    unseen = with_shoes(UNSEEN, round(share * len(UNSEEN)), seed=7)

    nothing: Any = None  # no novelty is read from the artifact
    served = CalibratedAnswers(manifest, nothing).answer(unseen.outputs, "photograph")

    assert manifest.confidence_curve is not None
    rows = zip(served, unseen.acceptable, strict=True)
    assert 0.93 <= np.mean([right[list(made.prediction_set)].any() for made, right in rows]) <= 0.96
