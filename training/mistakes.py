"""A page of typical mistakes: which labels a classifier takes for each other, how sure it is of that, and
what is no garment and passes for one.

Written with its pictures, from the artifact that is served.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from fashion.classifier import Classifier, Prediction
from fashion.labels import LABELS
from fashion.preparation import Prepared
from training.answers import as_network_inputs, prepared_photographs
from training.figures.gallery import predictions_for
from training.figures.style import axes_grid, new_figure, save, show_pixels, style, titled
from training.photographs import Photograph
from training.report import Table

_PAIRS: Final = 6
_SHOWN: Final = 8
_INCHES: Final = 1.15

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was answered, and what it is."""

    pixels: Pixels
    """(28, 28), or (side, side, 3)."""
    truth: str
    made: Prediction

    @property
    def said(self) -> str:
        """The label it got."""
        return LABELS[self.made.class_index]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the page: rows of pictures, the name of each row, and the counts behind them."""

    title: str
    text: str
    table: Table
    rows: Sequence[tuple[str, Sequence[Shown]]]
    name: str
    """Of the picture's file."""


def confused_labels(classifier: Classifier, images: Pixels, labels: NDArray[np.int64]) -> Chapter:
    """The pairs of labels that are taken for each other most often, the surest mistakes first."""
    made = predictions_for(classifier, as_network_inputs(images))
    wrong = [
        Shown(image, LABELS[label], answer)
        for image, label, answer in zip(images, labels.tolist(), made, strict=True)
        if answer.class_index != label
    ]
    rows = _most_frequent(wrong)
    covered = sum(LABELS.index(shown.truth) in shown.made.prediction_set for shown in wrong)
    text = (
        f"{len(wrong):,} of {len(labels):,} test pictures get the wrong label; the prediction sets of "
        f"{covered:,} of these hold the right one all the same. The surest mistakes of the commonest kinds, "
        f"with the stated probability of the label that was given:"
    )
    return Chapter("Labels taken for each other", text, _pair_table(wrong), rows, "mistakes-fashion-mnist")


def mistaken_photographs(classifier: Classifier, photographs: Sequence[Photograph]) -> Chapter:
    """Photographs by senders never seen that are answered wrong."""
    prepared = prepared_photographs(classifier, photographs)
    made = predictions_for(classifier, prepared)
    wrong = [
        Shown(_looked_at(picture), photograph.label, answer)
        for picture, photograph, answer in zip(prepared, photographs, made, strict=True)
        if answer.class_index not in photograph.acceptable_classes
    ]
    text = (
        f"{len(wrong):,} of {len(photographs):,} photographs by senders that nothing was trained on. As the "
        f"network sees them, the surest mistakes of the commonest kinds:"
    )
    return Chapter("Photographs", text, _pair_table(wrong), _most_frequent(wrong), "mistakes-photographs")


def passing_for_garments(
    classifier: Classifier, digits: Pixels | None, others: Sequence[Photograph]
) -> Chapter:
    """What is no garment of the ten labels, and is not called novel; the most usual-looking first."""
    strangers: list[Shown] = []
    if digits is not None:
        answers = predictions_for(classifier, as_network_inputs(digits))
        strangers += [Shown(image, "a digit", made) for image, made in zip(digits, answers, strict=True)]
    if others:
        prepared = prepared_photographs(classifier, others)
        answers = predictions_for(classifier, prepared)
        strangers += [
            Shown(_looked_at(picture), photograph.source_label.lower(), made)
            for picture, photograph, made in zip(prepared, others, answers, strict=True)
        ]
    kinds = Counter(shown.truth for shown in strangers)
    passing = [shown for shown in strangers if shown.made.in_distribution]
    passed = Counter(shown.truth for shown in passing)
    columns = ("what", "pictures", "not called novel")
    table = Table("", columns, [(kind, count, passed[kind]) for kind, count in kinds.items()])
    rows = [
        (kind, sorted((s for s in passing if s.truth == kind), key=lambda s: s.made.novelty or 0)[:_SHOWN])
        for kind in kinds
        if passed[kind]
    ]
    text = "None of these has one of the ten labels. The most usual-looking of those that pass:"
    return Chapter("What passes for a garment", text, table, rows, "mistakes-no-garments")


def write_page(classifier: Classifier, chapters: Sequence[Chapter], folder: Path) -> Path:
    """Write `mistakes.md` and `images/*.png` into `folder`; a chapter without pictures has none."""
    parts = ["# Typical mistakes", _INTRODUCTION.format(name=classifier.artifact.manifest.name)]
    with style():
        for chapter in chapters:
            parts += [f"## {chapter.title}", chapter.text]
            if chapter.rows:
                (path,) = save(_figure(chapter), folder / "images", chapter.name, formats=("png",))
                _use_palette(path)
                parts.append(f"![{chapter.title}](images/{path.name})")
            parts.append(chapter.table.as_markdown().removeprefix("## \n\n"))
    page = folder / "mistakes.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


_INTRODUCTION: Final = (
    "Drawn from the released `{name}` by `python -m training mistakes`. Nothing was chosen by hand:\n"
    "the commonest kinds of mistake, and of each the pictures that the classifier was surest of."
)


def _use_palette(path: Path) -> None:
    """Photographs make large PNGs; 256 colours tell a mistake as well, in a third of the bytes."""
    with Image.open(path) as picture:
        reduced = picture.convert("RGB").quantize(256)
    reduced.save(path, optimize=True)


def _most_frequent(wrong: Sequence[Shown]) -> list[tuple[str, list[Shown]]]:
    pairs = Counter((shown.truth, shown.said) for shown in wrong)
    rows = []
    for (truth, said), count in pairs.most_common(_PAIRS):
        members = [shown for shown in wrong if (shown.truth, shown.said) == (truth, said)]
        members.sort(key=lambda shown: -shown.made.probability)
        rows.append((f"{truth}\ntaken for\n{said}\n({count})", members[:_SHOWN]))
    return rows


def _pair_table(wrong: Sequence[Shown]) -> Table:
    pairs = Counter((shown.truth, shown.said) for shown in wrong)
    rows = [(truth, said, count) for (truth, said), count in pairs.most_common(2 * _PAIRS)]
    return Table("", ("what it is", "taken for", "pictures"), rows)


def _figure(chapter: Chapter) -> Figure:
    figure = new_figure(_INCHES * (_SHOWN + 1.2), (_INCHES + 0.2) * len(chapter.rows) + 0.5)
    grid = axes_grid(figure, len(chapter.rows), _SHOWN)
    for axes_row, (name, members) in zip(grid, chapter.rows, strict=True):
        for axes in axes_row[len(members) :]:
            axes.set_axis_off()
        for axes, shown in zip(axes_row, members, strict=False):
            show_pixels(axes, shown.pixels)
            axes.set_xlabel(f"{shown.said} {shown.made.probability:.0%}", fontsize=7)
        _name_row(axes_row[0], name)
    return titled(figure, chapter.title)


def _name_row(axes: Any, name: str) -> None:
    axes.set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center", labelpad=6)


def _looked_at(picture: Prepared) -> Pixels:
    return picture.network_input if picture.view is None else picture.view
