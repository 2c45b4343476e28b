"""What a classifier costs: parameters, bytes, and time on one thread of this machine, each network apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.artifact import Artifact
from fashion.classifier import Classifier
from fashion.novelty import NoveltyScore
from fashion.preparation import SIDE, InputKind, Prepared
from training.networks.classifiers import num_parameters
from training.recipes import find_recipe
from training.recipes.overrides import SECTIONS, with_settings
from training.report import Table
from training.timing import median_seconds

_ALONE: Final = 200
_TOGETHER: Final = 10
_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """Of one network, without decoding and preparing its pictures."""

    name: str
    num_parameters: int
    milliseconds: float
    """Median for one picture, answer included."""
    novelty_share: float
    """Of that time, what the novelty score takes beyond the network."""
    pictures_a_second: float
    """At 64 pictures a call."""


def costs_of(classifier: Classifier, with_photographs: bool) -> list[NetworkCost]:
    """Time the network for network inputs, and the one for photographs if there is one."""
    manifest = classifier.artifact.manifest
    settings = {name: manifest.recipe.settings[name] for name in SECTIONS if name in manifest.recipe.settings}
    own = manifest.num_parameters
    if len(settings) == len(SECTIONS):
        recipe = with_settings(find_recipe(manifest.recipe.name), settings)
        own = num_parameters(recipe.system.build().network)
    costs = [_cost(classifier, "network inputs", own, "network_input")]
    if with_photographs and classifier.view_side is not None:
        costs.append(_cost(classifier, "photographs", manifest.num_parameters - own, "photograph"))
    return costs


def costs_table(artifact: Artifact, costs: Sequence[NetworkCost]) -> Table:
    """For the report."""
    columns = (
        "network for",
        "parameters",
        "median ms, one picture",
        "of which novelty",
        "pictures a second, 64 at once",
    )
    rows = [
        (
            cost.name,
            cost.num_parameters,
            cost.milliseconds,
            f"{cost.novelty_share:.1%}",
            f"{cost.pictures_a_second:,.0f}",
        )
        for cost in costs
    ]
    size = sum(path.stat().st_size for path in artifact.folder.iterdir())
    return Table("Cost, on one thread", columns, rows, f"The whole artifact has {size:,} bytes.")


def _cost(classifier: Classifier, name: str, parameters: int, kind: InputKind) -> NetworkCost:
    pictures = _pictures(kind, classifier.view_side)
    one = pictures[:1]
    with threadpool_limits(limits=1):  # numpy's products too
        alone = median_seconds(lambda: classifier.classify(one), _ALONE)
        novelty = _novelty_seconds(classifier, one, kind)
        together = median_seconds(lambda: classifier.classify(pictures), _TOGETHER)
    return NetworkCost(name, parameters, 1e3 * alone, novelty / alone, _BATCH / together)


def _novelty_seconds(classifier: Classifier, pictures: Sequence[Prepared], kind: InputKind) -> float:
    fit = classifier.artifact.manifest.calibration.get(kind)
    score = NoveltyScore.from_artifact(fit, classifier.artifact) if fit else None
    if score is None:
        return 0.0
    outputs = classifier.outputs(pictures)
    return median_seconds(lambda: score.of_each(outputs), _ALONE)


def _pictures(kind: InputKind, view_side: int | None) -> list[Prepared]:
    """Random ones: the engine's time does not depend on what is on them."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (_BATCH, SIDE, SIDE), dtype=np.uint8)
    if kind == "network_input" or view_side is None:
        return [Prepared(image, kind) for image in images]
    views = random.integers(0, 256, (_BATCH, view_side, view_side, 3), dtype=np.uint8)
    return [Prepared(image, kind, view=view) for image, view in zip(images, views, strict=True)]
