import json
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from fashion.artifact import open_artifact
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from tests.tiny_artifacts import tiny_classifier
from tests.unit.training.test_calibrate import photographs
from tests.unit.training.tiny_data import stripes
from training.answers import as_network_inputs
from training.evaluate import Material, evaluate_classifier
from training.evaluating import evaluate_target
from training.report import Report, Table
from training.rewriting import rewrite_artifact

FRESH = stripes(500, seed=9)


@pytest.fixture(scope="module")
def classifier(trained_run):
    return Classifier(open_artifact(trained_run.artifact))


@pytest.fixture(scope="module")
def report(classifier):
    digits = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    return evaluate_classifier(classifier, Material("test", FRESH, digits=digits))


def table(report, title):
    return next(made for made in report.tables if made.title == title)


def test_accuracy_is_that_of_the_answers_that_serving_gives(classifier, report):
    made = classifier.classify(as_network_inputs(FRESH.images))
    accuracy = np.mean(
        [answer.class_index == label for answer, label in zip(made, FRESH.labels, strict=True)]
    )

    assert report.figures["accuracy"] == pytest.approx(accuracy)
    assert report.figures["accuracy_low"] < accuracy < report.figures["accuracy_high"]
    assert accuracy > 0.8


def test_validation_is_no_measure_of_a_network_that_was_trained_on_it(tmp_path):
    artifact = tiny_classifier(tmp_path / "artifact")
    recipe = artifact.manifest.recipe.model_copy(update={"settings": {"optimisation": {"refit": True}}})
    rewrite_artifact(artifact, {"recipe": recipe})

    with pytest.raises(InvalidValue, match="trained on validation's pictures too"):
        evaluate_target(str(artifact.folder), "validation", None, tmp_path / "report", Console())


def test_labels_and_confusion_agree_with_the_accuracy(report):
    by_label, counts = (
        table(report, "By label").rows,
        np.array([row[1:] for row in table(report, "Confusion: true label by row").rows]),
    )

    assert counts.sum() == 500
    assert np.trace(counts) / 500 == pytest.approx(report.figures["accuracy"])
    assert np.mean([row[2] for row in by_label]) == pytest.approx(report.figures["accuracy"])


def test_noise_is_told_from_garments(report):
    noise, digits = table(report, "What is no garment").rows

    assert noise[0] == "uniform noise"
    assert digits[1] == 20
    assert noise[3] > 0.9


def test_every_goal_stands_beside_what_was_measured(report):
    verdicts = {row[0]: row[4] for row in table(report, "Held to").rows}

    assert verdicts["test accuracy, one model, one view"] in ("missed", "first met", "aim met")
    assert verdicts["photographs: calibration error"] == "open"
    assert report.figures["novel_handwritten_digits"] == table(report, "What is no garment").rows[1][2]
    assert report.figures["set_coverage_worst_label"] <= report.figures["set_coverage"]


def test_photographs_are_reported_by_group_where_there_are_some(own_run, tmp_path):
    classifier = Classifier(open_artifact(own_run.artifact))
    some = photographs(tmp_path / "photographs", 8, "a")

    report = evaluate_classifier(classifier, Material("test", FRESH, photographs=some))

    *rows, mean = table(report, "Photographs, senders never seen").rows
    assert [row[:2] for row in rows] == [
        (name, 2) for name in ("T-shirt/top", "Trouser", "Dress", "footwear")
    ]
    assert report.figures["photograph_accuracy_by_group"] == pytest.approx(np.mean([row[2] for row in rows]))
    assert mean[2] == report.figures["photograph_accuracy_by_group"]
    assert all(0 <= plainly <= 1 for _, _, _, plainly, *_ in rows)
    assert "photograph_set_coverage" not in report.figures


def test_a_report_is_written_for_programs_and_for_people(tmp_path):
    made = Report(
        "Title", "Subject.", {"accuracy": 0.5}, [Table("Rows", ("a", "b"), [("x", 0.123456)], "Note.")]
    )

    made.write(tmp_path / "report")
    made.show(Console(file=StringIO()))

    record = json.loads((tmp_path / "report" / "report.json").read_text())
    page = (tmp_path / "report" / "report.md").read_text()
    assert record["figures"] == {"accuracy": 0.5}
    assert record["tables"][0]["rows"] == [["x", 0.123456]]
    assert "| x | 0.1235 |" in page
    assert "Note." in page
