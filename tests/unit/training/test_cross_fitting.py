"""Photographs answered as by fits on other senders than their own."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from fashion.artifact import open_artifact
from fashion.classifier import Classifier
from fashion.labels import NUM_LABELS
from tests.unit.training.test_calibrate import photographs
from tests.unit.training.tiny_data import stripes, tiny_split
from training.answers import Answers, answers_to_dataset
from training.calibrate import calibrate
from training.cross_fitting import PARTS, cross_fitted, sender_parts
from training.senders import PhotographSplit

SENDERS = [sender for sender in range(24) for _ in range(1 + sender % 5)]


@pytest.fixture
def classifier(own_run, tmp_path):
    trained, held_out = (
        photographs(tmp_path / "photographs", count, name) for count, name in ((24, "a"), (40, "b"))
    )
    split = PhotographSplit(trained, held_out, (), ())
    return Classifier(
        calibrate(open_artifact(own_run.artifact), tiny_split(), split, Console(file=StringIO()))
    )


def test_every_sender_is_whole_in_one_of_parts_about_equally_large():
    part = sender_parts(SENDERS)

    parts_of = {sender: set(part[np.array(SENDERS) == sender]) for sender in SENDERS}
    assert all(len(parts) == 1 for parts in parts_of.values())
    sizes = np.bincount(part, minlength=PARTS)
    assert sizes.max() - sizes.min() <= 2


def test_what_is_right_of_a_senders_photographs_changes_the_answers_to_others_alone(classifier):
    trained = answers_to_dataset(classifier, stripes(200, seed=5))
    held_out = answers_to_dataset(classifier, stripes(len(SENDERS), seed=6))
    own = sender_parts(SENDERS) == 2
    acceptable = np.where(own[:, np.newaxis], np.roll(held_out.acceptable, 1, axis=1), held_out.acceptable)
    wrong = Answers(held_out.logits, held_out.features, acceptable, held_out.early)

    before, after = (cross_fitted(classifier, trained, answers, SENDERS) for answers in (held_out, wrong))

    changed = np.array([ours != theirs for ours, theirs in zip(before, after, strict=True)])
    assert not changed[own].any()
    assert changed[~own].all()
    assert all(len(made.by_label) == NUM_LABELS and made.prepared_as == "photograph" for made in before)
