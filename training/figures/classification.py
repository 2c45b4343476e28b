"""Figures of a classifier's answers: where it errs, whether its probabilities are honest, predictions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion.classifier import Prediction
from fashion.labels import LABELS, NUM_LABELS
from training.dataset import Dataset
from training.figures.style import (
    QUANTITY,
    RIGHT,
    WRONG,
    axes_grid,
    label_ticks,
    new_figure,
    shortened,
    show_pixels,
    titled,
)
from training.metrics import CALIBRATION_BINS, calibration_error, confusion, reliability, share_interval


def confusion_matrix(labels: NDArray[np.int64], predicted: NDArray[np.int64], what: str) -> Figure:
    """Counts by true and predicted label; colours tell shares of the true label."""
    counts = confusion(labels, predicted, NUM_LABELS)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(8.4, 7.4)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=QUANTITY, vmin=0, vmax=1)
    for row in range(NUM_LABELS):
        for column in range(NUM_LABELS):
            colour = "black" if shares[row, column] > 0.6 else "white"
            axes.text(
                column, row, f"{counts[row, column]}", ha="center", va="center", color=colour, fontsize=8
            )
    label_ticks(axes, LABELS)
    axes.set_yticks(range(NUM_LABELS), LABELS)
    axes.set_xlabel("predicted label")
    axes.set_ylabel("true label")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="share of the true label", shrink=0.85)
    right = float((labels == predicted).mean())
    return titled(figure, f"Confusion on {len(labels):,} {what}", f"accuracy {right:.2%}")


def reliability_diagram(confidences: NDArray[np.float64], right: NDArray[np.bool_], what: str) -> Figure:
    """Accuracy against stated probability in bins of equal width, over how many pictures each bin holds."""
    figure = new_figure(6.4, 6.8)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    bins = reliability(confidences, right)
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", label="honest: accuracy as stated")
    for count, confidence, accuracy in bins:
        low, high = share_interval(accuracy, count)
        axes.plot([confidence, confidence], [low, high], color=RIGHT, linewidth=1.5)
    axes.plot(
        [confidence for _, confidence, _ in bins],
        [accuracy for _, _, accuracy in bins],
        color=RIGHT,
        marker="o",
        label="this model, with 95% intervals",
    )
    axes.set_ylabel("accuracy in the bin")
    axes.legend(loc="upper left")
    below.hist(confidences, bins=CALIBRATION_BINS, range=(0, 1), color=RIGHT, edgecolor="white")
    below.set_yscale("log")
    below.set_ylabel("pictures")
    below.set_xlabel("stated probability of the predicted label")
    error = calibration_error(confidences, right)
    note = f"expected calibration error {error:.2%} in {CALIBRATION_BINS} bins"
    return titled(figure, f"Reliability on {len(right):,} {what}", note)


def accuracy_by_label(labels: NDArray[np.int64], predicted: NDArray[np.int64], what: str) -> Figure:
    """Recall of every label, with 95% intervals, beside the accuracy over all."""
    figure = new_figure(8.4, 4.6)
    axes = figure.subplots()
    right = labels == predicted
    for label in range(NUM_LABELS):
        members = right[labels == label]
        share = float(members.mean()) if members.size else 0.0
        low, high = share_interval(share, max(members.size, 1))
        axes.bar(label, share, color=RIGHT)
        axes.plot([label, label], [low, high], color="black", linewidth=1.2)
        text = axes.text(label, high + 0.01, f"{share:.1%}", ha="center", va="bottom", fontsize=9, zorder=3)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    mean = float(right.mean())
    axes.axhline(mean, color=WRONG, linestyle="--", linewidth=1, label=f"all labels: {mean:.2%}")
    axes.set_ylim(0, 1.12)
    axes.set_yticks(np.linspace(0, 1, 6))
    label_ticks(axes, LABELS, rotation=30)
    axes.set_ylabel("share of a label's pictures that are right")
    figure.legend(loc="outside lower right")
    return titled(figure, f"Accuracy by label on {len(labels):,} {what}", "bars with 95% intervals")


def prediction_grid(
    dataset: Dataset, predictions: Sequence[Prediction], count: int = 15, columns: int = 3
) -> Figure:
    """Pictures beside a bar for every label: blue where the answer is right, red where it is wrong.

    Half of them are mistakes, as far as there are enough: what is easy looks the same for every model.
    """
    chosen = _half_mistakes(dataset, predictions, count)
    rows = -(-len(chosen) // columns)
    figure = new_figure(4.4 * columns, 1.75 * rows + 0.9)
    table = axes_grid(figure, rows, 2 * columns)
    for axes in table.ravel():
        axes.set_axis_off()
    for place, index in enumerate(chosen):
        row, column = place // columns, 2 * (place % columns)
        _picture_with_bars(
            table[row, column],
            table[row, column + 1],
            dataset.images[index],
            predictions[index],
            int(dataset.labels[index]),
        )
    return titled(
        figure,
        "Predictions",
        "label as predicted, its probability, and the true label; blue right, red wrong; bars: labels 0 to 9",
    )


def prediction_bars(image: NDArray[np.uint8], prediction: Prediction, name: str) -> Figure:
    """One picture without a known label, beside the probability of every label by name."""
    figure = new_figure(7.2, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
    show_pixels(left, image)
    left.set_title(shortened(name), fontsize=9)
    inside = set(prediction.prediction_set)
    colours = [RIGHT if label in inside else "0.75" for label in range(NUM_LABELS)]
    right.barh(range(NUM_LABELS), prediction.probabilities, color=colours)
    for label, probability in enumerate(prediction.probabilities):
        right.text(probability + 0.01, label, f"{probability:.1%}", va="center", fontsize=8)
    right.set_yticks(range(NUM_LABELS), LABELS)
    right.invert_yaxis()
    right.set_xlim(0, 1.15)
    right.set_xticks(np.linspace(0, 1, 6))
    right.set_xlabel("probability")
    coverage = "" if prediction.coverage is None else f"; blue: the {prediction.coverage:.0%} prediction set"
    return titled(figure, f"{LABELS[prediction.class_index]}, {prediction.probability:.1%}{coverage}")


def _half_mistakes(dataset: Dataset, predictions: Sequence[Prediction], count: int) -> list[int]:
    right = np.array([made.class_index for made in predictions]) == dataset.labels
    mistakes = np.flatnonzero(~right)[: count // 2].tolist()
    return sorted([*mistakes, *np.flatnonzero(right)[: count - len(mistakes)].tolist()])


def _picture_with_bars(
    picture: Axes, bars: Axes, image: NDArray[np.uint8], prediction: Prediction, label: int
) -> None:
    picture.set_axis_on()
    bars.set_axis_on()
    show_pixels(picture, image)
    right = prediction.class_index == label
    colour = RIGHT if right else WRONG
    said = f"{LABELS[prediction.class_index]} {prediction.probability:.0%}"
    picture.set_xlabel(said if right else f"{said}\n(is {LABELS[label]})", color=colour, fontsize=8)
    colours = ["0.75"] * NUM_LABELS
    colours[prediction.class_index] = colour
    if not right:
        colours[label] = RIGHT
    bars.bar(range(NUM_LABELS), prediction.probabilities, color=colours)
    bars.set_ylim(0, 1)
    bars.set_yticks([])
    bars.set_xticks(range(NUM_LABELS), [str(index) for index in range(NUM_LABELS)], fontsize=7)
    bars.spines["left"].set_visible(False)
