"""One `evaluate` command: open the target, gather what there is to measure on, report, and keep the
figures."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.decoding import decode
from fashion.errors import DatasetError, InvalidValue
from training.dataset import Dataset, load_test, load_training
from training.digits import load_digits
from training.evaluate import Material, evaluate_classifier
from training.evaluate_autoencoder import Witnesses, evaluate_autoencoder
from training.finishing import available_photographs
from training.model_card import CARD_FILE, card
from training.report import Report
from training.rewriting import rewrite_artifact
from training.splits import split
from training.targets import is_own, opened

SplitName = Literal["test", "validation"]


def evaluate_target(
    target: str,
    on: SplitName,
    data: Path | None,
    out: Path | None,
    console: Console,
    *,
    witnesses: Witnesses | None = None,
) -> Report:
    """Measure the target's artifact and write the report to `out`, or where it is expected.

    `witnesses` are what an autoencoder is measured with, beside the dataset's own pictures.
    """
    with opened(target) as artifact:
        if on == "validation" and _was_refitted(artifact):
            raise InvalidValue(
                f"{artifact.manifest.name} was trained on validation's pictures too: evaluate it on test.",
                field="--split",
            )
        dataset = load_test(data) if on == "test" else split(load_training(data)).validation
        if witnesses is not None and artifact.manifest.kind == "autoencoder":
            learned = load_training(data) if on == "test" else split(load_training(data)).train
            witnesses = replace(witnesses, training=learned)
        made = evaluate_artifact(artifact, on, dataset, witnesses)
        folder = out or _report_folder(target, artifact)
        made.write(folder)
        if is_own(target):
            figures = {f"{on}_{name}": value for name, value in made.figures.items()}
            cards = {CARD_FILE: card(artifact.manifest, made).encode()} if on == "test" else None
            rewrite_artifact(artifact, {"metrics": {**artifact.manifest.metrics, **figures}}, cards)
    made.show(console)
    console.print(f"report: {folder / 'report.md'}", highlight=False, soft_wrap=True)
    return made


def _was_refitted(artifact: Artifact) -> bool:
    optimisation = artifact.manifest.recipe.settings.get("optimisation", {})
    return bool(optimisation.get("refit", False))


def evaluate_artifact(
    artifact: Artifact, on: SplitName, dataset: Dataset, witnesses: Witnesses | None = None
) -> Report:
    """Measure an artifact by its kind."""
    if artifact.manifest.kind == "autoencoder":
        return evaluate_autoencoder(Autoencoder(artifact), dataset, on, witnesses)
    return evaluate_classifier(Classifier(artifact), _material(on, dataset))


def _report_folder(target: str, artifact: Artifact) -> Path:
    return artifact.folder.parent / "report" if is_own(target) else Path("report") / artifact.manifest.name


def _material(on: SplitName, dataset: Dataset) -> Material:
    """The dataset's pictures, and what the settings name of photographs and digits."""
    photographs = available_photographs()
    return Material(
        on,
        dataset,
        photographs=photographs.held_out if photographs else (),
        trained_photographs=photographs.train if photographs else (),
        other=photographs.other if photographs else (),
        digits=available_digits(),
    )


def available_digits() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None:
    """Handwritten digits UInt8 (count, 28, 28), or None where no folder of them is named."""
    try:
        paths = [digit.path for digit in load_digits()]
    except DatasetError:
        return None
    return np.stack([decode(path.read_bytes()).pixels for path in paths])
