from io import StringIO

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fashion.artifact import open_artifact
from fashion.classifier import Classifier
from fashion.errors import WrongKind
from tests.unit.training.tiny_data import stripes, tiny_split
from training.answers import answers_to_photographs, as_network_inputs
from training.calibrate import COVERAGE, calibrate
from training.photographs import Photograph
from training.senders import PhotographSplit

LABELS = ("T-shirt/top", "Trouser", "Dress", "footwear")


def photographs(folder, count, prefix):
    """Made-up photographs: a coloured block on a light ground."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(count)
    made = []
    for number in range(count):
        pixels = np.full((40, 30, 3), 230, np.uint8)
        pixels[8 : 20 + number % 15, 6:24] = random.integers(0, 200, 3)
        path = folder / f"{prefix}-{number}.png"
        Image.fromarray(pixels).save(path)
        made.append(Photograph(path, LABELS[number % len(LABELS)], "", number))
    return tuple(made)


def test_training_leaves_an_artifact_calibrated_for_network_inputs_alone(trained_run):
    calibration = open_artifact(trained_run.artifact).manifest.calibration

    assert calibration.keys() == {"network_input"}
    fit = calibration["network_input"]
    assert fit is not None
    assert (fit.count, fit.coverage, fit.novelty_threshold) == (300, COVERAGE["network_input"], 0.95)


def test_served_sets_cover_pictures_that_were_never_fitted(trained_run):
    classifier = Classifier(open_artifact(trained_run.artifact))
    fresh = stripes(1000, seed=77)

    made = classifier.classify(as_network_inputs(fresh.images))
    covered = np.mean(
        [label in answer.prediction_set for label, answer in zip(fresh.labels, made, strict=True)]
    )
    alarms = np.mean([not answer.in_distribution for answer in made])

    assert covered >= 0.97
    assert alarms == pytest.approx(0.05, abs=0.05)


def test_photographs_are_calibrated_apart_where_there_are_some(own_run, tmp_path):
    parts = [photographs(tmp_path / "photographs", count, name) for name, count in (("a", 24), ("b", 40))]
    split = PhotographSplit(parts[0], parts[1], (), ())
    before = open_artifact(own_run.artifact)

    after = calibrate(before, tiny_split(), split, Console(file=StringIO()))

    fit = after.manifest.calibration["photograph"]
    assert fit is not None
    assert (fit.count, fit.coverage) == (40, COVERAGE["photograph"])
    assert len(set(fit.logit_scale)) == 1
    assert not any(fit.logit_bias)
    assert after.manifest.calibration["network_input"] == before.manifest.calibration["network_input"]


def test_footwear_has_three_right_labels(trained_run, tmp_path):
    classifier = Classifier(open_artifact(trained_run.artifact))

    answers = answers_to_photographs(classifier, photographs(tmp_path / "photographs", 4, "a"))

    assert answers.acceptable.sum(axis=1).tolist() == [1, 1, 1, 3]
    assert len(set(answers.groups.tolist())) == 4


def test_calibrating_again_gives_the_same(own_run):
    first = calibrate(open_artifact(own_run.artifact), tiny_split(), None, Console(file=StringIO()))
    second = calibrate(first, tiny_split(), None, Console(file=StringIO()))

    assert second.manifest.calibration == first.manifest.calibration


def test_an_autoencoder_is_not_calibrated(autoencoder_artifact):
    with pytest.raises(WrongKind):
        calibrate(autoencoder_artifact, tiny_split(), None, Console(file=StringIO()))
