"""Calibration of an exported classifier: probabilities, prediction sets and novelty, for each kind of picture
apart.

Everything is fitted on outputs of the exported graphs in the engine that serves them, on pictures that
training never saw: a calibration part of Fashion-MNIST for network inputs, all senders that are held out
for photographs. Figures for one kind say nothing about the other, so they share nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.console import Console

from fashion.artifact import Artifact
from fashion.classifier import Classifier
from fashion.inputs import InputKind
from fashion.manifest import Calibration
from training.answers import Answers, answers_to_dataset, answers_to_photographs
from training.conformal import SetThresholds, choose_thresholds
from training.novelty import NoveltyFit, fit_novelty
from training.photograph_calibration import (
    choose_scaling_by_sender,
    fit_photograph_novelty,
    sender_weights,
    weighted_thresholds,
)
from training.probabilities import ChosenScaling, choose_scaling
from training.rewriting import rewrite_artifact
from training.senders import PhotographSplit
from training.splits import Split

COVERAGE: Final[dict[InputKind, float]] = {"network_input": 0.99, "photograph": 0.95}
"""The probability with which a prediction set holds the right label. The photographs that are there to
calibrate with are too few for 99%."""

# Trained pictures that the novelty statistics are taken from: more change nothing and cost time.
_NOVELTY_PICTURES = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class KindFit:
    """Everything fitted for one kind of picture."""

    kind: InputKind
    source: str
    count: int
    coverage: float
    scaling: ChosenScaling
    sets: SetThresholds
    novelty: NoveltyFit

    @property
    def novelty_file(self) -> str:
        """The artifact's file with this kind's novelty arrays."""
        return f"novelty_{self.kind}.npz"

    def as_manifest(self) -> Calibration:
        """The manifest's entry."""
        return Calibration(
            source=self.source,
            count=self.count,
            logit_scale=tuple(self.scaling.scaling.scale.tolist()),
            logit_bias=tuple(self.scaling.scaling.bias.tolist()),
            confidence_curve=self.scaling.scaling.curve,
            coverage=self.coverage,
            set_thresholds=tuple(self.sets.thresholds.tolist()),
            novelty_file=self.novelty_file,
            novelty_distance_weight=self.novelty.distance_weight,
            novelty_energy_weight=self.novelty.energy_weight,
            novelty_early_weight=self.novelty.early_weight,
            novelty_quantiles=tuple(self.novelty.quantiles.tolist()),
            novelty_threshold=self.novelty.threshold,
        )


def calibrate(
    artifact: Artifact, split: Split, photographs: PhotographSplit | None, console: Console
) -> Artifact:
    """Fit what the pictures at hand allow, and complete the artifact with it; raises WrongKind for no
    classifier."""
    classifier = Classifier(artifact)
    fits = [fit_network_inputs(classifier, split)]
    if photographs is not None:
        fits.append(fit_photographs(classifier, photographs))
    for fit in fits:
        console.print(_sentence(fit), highlight=False, soft_wrap=True)
    changes = {"calibration": {fit.kind: fit.as_manifest() for fit in fits}}
    return rewrite_artifact(artifact, changes, {fit.novelty_file: fit.novelty.content() for fit in fits})


def fit_network_inputs(classifier: Classifier, split: Split) -> KindFit:
    """Calibrate for pictures of the dataset's own making."""
    some = np.arange(min(_NOVELTY_PICTURES, len(split.train)))
    trained = answers_to_dataset(classifier, split.train.select(some))
    calibration = answers_to_dataset(classifier, split.calibration)
    scaling = choose_scaling(calibration)
    coverage = COVERAGE["network_input"]
    sets = choose_thresholds(
        scaling.scaling.without_curve(calibration.logits), calibration.acceptable, coverage
    )
    novelty = fit_novelty(trained, calibration)
    return KindFit(
        "network_input", split.calibration_source, len(calibration), coverage, scaling, sets, novelty
    )


def fit_photographs(classifier: Classifier, photographs: PhotographSplit) -> KindFit:
    """Calibrate for what users send."""
    trained = answers_to_photographs(classifier, photographs.train)
    held_out = answers_to_photographs(classifier, photographs.held_out)
    return fit_answers_to_photographs(
        trained, held_out, [photograph.sender_id for photograph in photographs.held_out]
    )


def fit_answers_to_photographs(trained: Answers, calibration: Answers, senders: Sequence[int]) -> KindFit:
    """The same from what a classifier made of photographs that it was trained on, and of others by
    `senders`."""
    source = "photographs of garments, by senders that training never saw"
    weights = sender_weights(senders)
    scaling = choose_scaling_by_sender(calibration, senders)
    probabilities = scaling.scaling.without_curve(calibration.logits)
    coverage = COVERAGE["photograph"]
    sets = weighted_thresholds(probabilities, calibration.acceptable, weights, coverage)
    novelty = fit_photograph_novelty(trained, calibration, weights)
    return KindFit("photograph", source, len(calibration), coverage, scaling, sets, novelty)


def _sentence(fit: KindFit) -> str:
    scores = ", ".join(f"{method} {score:.4f}" for method, score in fit.scaling.held_out_scores.items())
    return (
        f"calibrated for {fit.kind} on {fit.count:,} pictures: {fit.scaling.method} "
        f"(held-out Brier scores: {scores}), {fit.coverage:.0%} sets with {fit.sets.kind} thresholds"
    )
