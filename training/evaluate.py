"""The report on a classifier: the exported artifact, through the engine and the answers that the service
uses.

This is where the test split is read, and the pictures that are no garment: nothing is chosen or fitted from
what is seen here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.classifier import Classifier, Prediction
from fashion.decoding import decode
from fashion.inputs import SIDE, InputKind
from fashion.labels import LABELS, NUM_LABELS
from fashion.novelty import NoveltyScore
from fashion.preparation import Prepared
from training.answers import (
    Answers,
    answers_to,
    answers_to_dataset,
    answers_to_photographs,
    as_network_inputs,
    prepared_photographs,
)
from training.costs import costs_of, costs_table
from training.cross_fitting import cross_fitted
from training.dataset import Dataset
from training.goals import CLASSIFIER_GOALS, goals_table
from training.metrics import area_under_curve, calibration_error, confusion, reliability, share_interval
from training.novelty import FALSE_ALARMS
from training.photographs import ACCEPTABLE_CLASSES, GROUPS, Photograph
from training.probabilities import loss_nats
from training.report import Report, Table

_NUM_NOISE = 1_000


@dataclass(frozen=True, slots=True)
class Material:
    """What to measure on; what is not at hand is left out of the report."""

    name: str
    """`test` or `validation`."""
    dataset: Dataset
    photographs: Sequence[Photograph] = ()
    """Garments by senders that nothing was trained on."""
    trained_photographs: Sequence[Photograph] = ()
    """What a network for photographs was trained on. If given, the others were fitted on, and each is
    answered by a fit on other senders (`cross_fitting.py`)."""
    other: Sequence[Photograph] = ()
    """Photographs of what has none of the ten labels."""
    digits: NDArray[np.uint8] | None = None
    """(count, 28, 28)."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A classifier's answers on labelled pictures of one kind."""

    answers: Answers
    predictions: Sequence[Prediction]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(count,): the most probable label."""
        return np.array([made.class_index for made in self.predictions])

    @property
    def right(self) -> NDArray[np.bool_]:
        """(count,): whether that label is acceptable."""
        return self.answers.acceptable[np.arange(len(self.answers)), self.predicted]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(count,): whether the prediction set holds an acceptable label."""
        rows = zip(self.answers.acceptable, self.predictions, strict=True)
        return np.array([bool(right[list(made.prediction_set)].any()) for right, made in rows])

    @property
    def set_sizes(self) -> NDArray[np.int64]:
        """(count,): labels in the prediction set."""
        return np.array([len(made.prediction_set) for made in self.predictions])

    def figures(self) -> dict[str, float]:
        """Headline figures."""
        probabilities = np.array([made.by_label for made in self.predictions])
        confidences = probabilities.max(axis=1)
        found = {
            "accuracy": float(self.right.mean()),
            "calibration_error": calibration_error(confidences, self.right),
            "loss_nats": float(loss_nats(probabilities, self.answers.acceptable).mean()),
        }
        if self.predictions[0].coverage is not None:
            found |= {
                "set_coverage": float(self.covered.mean()),
                "set_mean_size": float(self.set_sizes.mean()),
            }
        if self.predictions[0].novelty is not None:
            alarms = [made.in_distribution is False for made in self.predictions]
            found["false_alarms"] = float(np.mean(alarms))
        return found


def evaluate_classifier(classifier: Classifier, material: Material) -> Report:
    """Measure everything that the material allows."""
    measured = _measure(classifier, answers_to_dataset(classifier, material.dataset), "network_input")
    figures = measured.figures()
    low, high = share_interval(figures["accuracy"], len(material.dataset))
    figures |= {"accuracy_low": low, "accuracy_high": high}
    figures["set_coverage_worst_label"] = _worst_coverage(measured, material.dataset)
    tables = [*_label_tables(measured, material.dataset), _reliability_table(measured)]
    photographs = None
    if material.photographs:
        photographs = _measure_photographs(classifier, material)
        table, mean = _photograph_table(classifier, photographs, material.photographs)
        figures |= {f"photograph_{name}": value for name, value in photographs.figures().items()}
        figures["photograph_accuracy_by_group"] = mean
        tables.append(table)
    novelty = _novelty_table(classifier, material, measured, photographs)
    figures |= {f"novel_{str(row[0]).replace(' ', '_')}": float(row[2]) for row in novelty.rows}
    costs = costs_of(classifier, material.dataset.images, photographs is not None)
    figures |= {
        "milliseconds_a_picture": costs[0].milliseconds,
        "mean_milliseconds_a_picture": costs[0].mean_milliseconds,
    }
    if costs[0].num_parameters is not None:
        figures["num_parameters"] = costs[0].num_parameters
    if measured.answers.left_early is not None:
        figures["left_early"] = float(measured.answers.left_early.mean())
    held_to = goals_table(CLASSIFIER_GOALS, figures)
    tables = [held_to, *tables, novelty, costs_table(classifier.artifact, costs)]
    manifest = classifier.artifact.manifest
    subject = (
        f"{manifest.name}, recipe {manifest.recipe.name}, seed {manifest.seed}, commit "
        f"{manifest.source_commit}: the exported artifact in the serving engine, on "
        f"{len(material.dataset):,} {material.name} pictures."
    )
    return Report(f"Classifier on the {material.name} split", subject, figures, tables)


def _measure(classifier: Classifier, answers: Answers, kind: InputKind) -> Measured:
    return Measured(answers, classifier.predictions(answers.outputs, kind))


def _measure_photographs(classifier: Classifier, material: Material) -> Measured:
    answers = answers_to_photographs(classifier, material.photographs)
    if not (material.trained_photographs and classifier.artifact.manifest.calibration.get("photograph")):
        return Measured(answers, classifier.predictions(answers.outputs, "photograph"))
    trained = answers_to_photographs(classifier, material.trained_photographs)
    senders = [photograph.sender_id for photograph in material.photographs]
    return Measured(answers, cross_fitted(classifier, trained, answers, senders))


def _label_tables(measured: Measured, dataset: Dataset) -> list[Table]:
    counts = confusion(dataset.labels, measured.predicted, NUM_LABELS)
    rows: list[list[str | float | int]] = []
    for index, label in enumerate(LABELS):
        of_label = dataset.labels == index
        if of_label.any():
            precision = counts[index, index] / max(1, counts[:, index].sum())
            covered, size = measured.covered[of_label].mean(), measured.set_sizes[of_label].mean()
            recall = measured.right[of_label].mean()
            rows.append([label, int(of_label.sum()), *map(float, (recall, precision, covered, size))])
    columns = ("label", "pictures", "recall", "precision", "set coverage", "mean set size")
    true_against_predicted = [[label, *row] for label, row in zip(LABELS, counts.tolist(), strict=True)]
    return [
        Table("By label", columns, rows),
        Table("Confusion: true label by row", ("true", *LABELS), true_against_predicted),
    ]


def _reliability_table(measured: Measured) -> Table:
    confidences = np.array([made.probability for made in measured.predictions])
    columns = ("pictures", "mean probability", "accuracy")
    return Table("Reliability, in 15 bins", columns, reliability(confidences, measured.right))


def _worst_coverage(measured: Measured, dataset: Dataset) -> float:
    labels = [dataset.labels == index for index in range(NUM_LABELS)]
    return min(float(measured.covered[of_label].mean()) for of_label in labels if of_label.any())


def _photograph_table(
    classifier: Classifier, measured: Measured, photographs: Sequence[Photograph]
) -> tuple[Table, float]:
    """Accuracy of every group of photographs, and the mean of the groups."""
    groups = np.array([photograph.label for photograph in photographs])
    plainly = _right_the_plain_way(classifier, photographs, measured.answers.acceptable)
    rows: list[tuple[str, int, float, float, float, float]] = []
    for group in GROUPS:
        members = groups == group
        if members.any():
            shown = (measured.right, plainly, measured.covered, measured.set_sizes)
            right, plain, covered, size = (float(values[members].mean()) for values in shown)
            rows.append((group, int(members.sum()), right, plain, covered, size))
    means = [float(np.mean([row[column] for row in rows])) for column in (2, 3, 4, 5)]
    note = (
        f"A label among {max(len(right) for right in ACCEPTABLE_CLASSES.values())} is right for footwear. "
        f"The texts' way is grey, squashed to 28x28, over 255, to the network for network inputs. "
        f"Probabilities, sets and novelty are those of fits on other senders than a photograph's own."
    )
    columns = ("group", "photographs", "accuracy", "the texts' way", "set coverage", "mean set size")
    right, plain, covered, size = means
    rows.append(("mean of groups", len(photographs), right, plain, covered, size))
    return Table("Photographs, senders never seen", columns, rows, note), right


def _right_the_plain_way(
    classifier: Classifier, photographs: Sequence[Photograph], acceptable: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which photographs are answered right where nothing is prepared, as in the texts: (count,)."""
    squashed = [
        np.asarray(
            Image.fromarray(decode(photograph.path.read_bytes()).pixels)
            .convert("L")
            .resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        )
        for photograph in photographs
    ]
    answers = answers_to(classifier, as_network_inputs(np.stack(squashed)), acceptable)
    return np.asarray(acceptable[np.arange(len(answers)), answers.logits.argmax(axis=1)])


def _novelty_table(
    classifier: Classifier, material: Material, measured: Measured, photographs: Measured | None
) -> Table:
    """How well what is no garment is told from pictures of its own kind."""
    noise = np.random.default_rng(0).integers(0, 256, (_NUM_NOISE, SIDE, SIDE), dtype=np.uint8)
    outsiders = [("uniform noise", measured, as_network_inputs(noise))]
    if material.digits is not None:
        outsiders.append(("handwritten digits", measured, as_network_inputs(material.digits)))
    if photographs is not None and material.other:
        outsiders.append(("other photographs", photographs, prepared_photographs(classifier, material.other)))
    rows = [
        (name, len(pictures), *_detection(classifier, insiders, pictures))
        for name, insiders, pictures in outsiders
        if insiders.predictions[0].novelty is not None
    ]
    columns = ("what", "pictures", f"called novel at {FALSE_ALARMS:.0%} false alarms", "AUROC")
    note = "False alarms are fitted on calibration pictures of the same kind; the figures tell how many came."
    return Table("What is no garment", columns, rows, note)


def _detection(
    classifier: Classifier, insiders: Measured, pictures: Sequence[Prepared]
) -> tuple[float, float]:
    """The share of pictures called novel, and how well the scores tell them from the insiders'."""
    kind = pictures[0].kind
    nothing_right = np.zeros((len(pictures), NUM_LABELS), dtype=bool)
    outsiders = _measure(classifier, answers_to(classifier, pictures, nothing_right), kind)
    called_novel = float(np.mean([made.in_distribution is False for made in outsiders.predictions]))
    fit = classifier.artifact.manifest.calibration[kind]
    score = NoveltyScore.from_artifact(fit, classifier.artifact) if fit else None
    if score is None:
        raise ValueError(f"no novelty was fitted for pictures of kind {kind}")
    inside, outside = (score(answers.outputs) for answers in (insiders.answers, outsiders.answers))
    return called_novel, area_under_curve(inside, outside)
