"""What a classifier costs: parameters, bytes, and time on one thread of this machine, each network apart."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.artifact import Artifact
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from fashion.inputs import SIDE
from fashion.novelty import NoveltyScore
from fashion.preparation import Prepared
from training.answers import as_network_inputs, batched_pictures
from training.networks.classifiers import num_parameters
from training.recipes import find_recipe
from training.recipes.overrides import SECTIONS, with_settings
from training.report import Table
from training.timing import median_seconds, seconds_of

_ALONE: Final = 1_000
_VIEWS: Final = 200
_TOGETHER: Final = 10
_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """Of one network, without decoding and preparing its pictures."""

    name: str
    num_parameters: int | None
    """None where the recipe trains something else today, and only the sum of all networks is known."""
    milliseconds: float
    """Median for one picture, answer included."""
    mean_milliseconds: float
    """The same, the mean: pictures that leave early take less time than others."""
    novelty_share: float
    """Of the median, what the novelty score takes beyond the network."""
    pictures_a_second: float
    """At 64 pictures a call."""
    ways: tuple[tuple[str, float, float], ...] = ()
    """With an early exit: what a way through the network is called, the share of pictures that take it, and
    the median of their milliseconds."""


def costs_of(classifier: Classifier, images: NDArray[np.uint8], with_photographs: bool) -> list[NetworkCost]:
    """Time the network for network inputs on `images` (count, 28, 28), one after the other, and the one for
    photographs if there is one on noise: without an early exit nothing depends on what is on a picture."""
    manifest = classifier.artifact.manifest
    own = own_parameters(classifier)
    pictures = as_network_inputs(images[:_ALONE])
    costs = [_cost(classifier, "network inputs", own, pictures)]
    if with_photographs and (side := classifier.view_side):
        views = np.random.default_rng(0).integers(0, 256, (_BATCH, side, side, 3), dtype=np.uint8)
        blank = np.zeros((SIDE, SIDE), np.uint8)
        photographs = [Prepared(blank, "photograph", view=views[turn % _BATCH]) for turn in range(_VIEWS)]
        others = None if own is None else manifest.num_parameters - own
        costs.append(_cost(classifier, "photographs", others, photographs))
    return costs


def own_parameters(classifier: Classifier) -> int | None:
    """Of the network for network inputs alone: see NetworkCost."""
    manifest = classifier.artifact.manifest
    if classifier.view_side is None:
        return manifest.num_parameters
    return parameters_of(manifest.recipe.name, manifest.recipe.settings)


def parameters_of(recipe: str, settings: Mapping[str, Any]) -> int | None:
    """Of the network that a recipe trained with the `settings` that a manifest tells; None where it trains
    something else today."""
    with suppress(InvalidValue, KeyError):  # an older release's recipe has other settings now
        trained = with_settings(find_recipe(recipe), {name: settings[name] for name in SECTIONS})
        return num_parameters(trained.system.build().network)
    return None


def costs_table(artifact: Artifact, costs: Sequence[NetworkCost]) -> Table:
    """For the report."""
    columns = (
        "network for",
        "parameters",
        "median ms, one picture",
        "mean ms",
        "of the median, novelty",
        "pictures a second, 64 at once",
    )
    rows = [
        (
            cost.name,
            "-" if cost.num_parameters is None else cost.num_parameters,
            cost.milliseconds,
            cost.mean_milliseconds,
            f"{cost.novelty_share:.1%}",
            f"{cost.pictures_a_second:,.0f}",
        )
        for cost in costs
    ]
    sentences = [
        f"{share:.1%} of {cost.name} {name}, {milliseconds:.3f} ms."
        for cost in costs
        for name, share, milliseconds in cost.ways
    ]
    size = sum(path.stat().st_size for path in artifact.folder.iterdir())
    sentences.append(f"The whole artifact has {size:,} bytes.")
    return Table("Cost, on one thread", columns, rows, " ".join(sentences))


def _cost(
    classifier: Classifier, name: str, parameters: int | None, pictures: Sequence[Prepared]
) -> NetworkCost:
    together = pictures[:_BATCH]
    with threadpool_limits(limits=1):  # numpy's products too
        classifier.classify(together)
        alone = np.array([seconds_of(partial(classifier.classify, [picture])) for picture in pictures])
        median = float(np.median(alone))
        novelty = _novelty_seconds(classifier, pictures[:1])
        batched = median_seconds(lambda: classifier.classify(together), _TOGETHER)
    return NetworkCost(
        name,
        parameters,
        1e3 * median,
        1e3 * float(alone.mean()),
        novelty / median,
        len(together) / batched,
        _ways(classifier, pictures, alone),
    )


def _ways(
    classifier: Classifier, pictures: Sequence[Prepared], seconds: NDArray[np.float64]
) -> tuple[tuple[str, float, float], ...]:
    parts = batched_pictures(pictures)
    left_early = [made.left_early for part in parts for made in classifier.classify(part)]
    found = []
    for name, wanted in (("leave early", True), ("go all the way", False)):
        rows = np.array([left is wanted for left in left_early])
        if rows.any():
            found.append((name, float(rows.mean()), 1e3 * float(np.median(seconds[rows]))))
    return tuple(found)


def _novelty_seconds(classifier: Classifier, pictures: Sequence[Prepared]) -> float:
    fit = classifier.artifact.manifest.calibration.get(pictures[0].kind)
    score = NoveltyScore.from_artifact(fit, classifier.artifact) if fit else None
    if score is None:
        return 0.0
    outputs = classifier.outputs(pictures)
    return median_seconds(lambda: score.of_each(outputs), _VIEWS)
