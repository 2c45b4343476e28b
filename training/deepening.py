"""A larger second half as a system: it learns what the branch of a trained early exit is unsure of.

`build_on` takes the classifier with its branch, which both stay. What the branch is sure of is passed over,
but for a few pictures (`halved.py`). In use, where nothing is erased, fewer come here than in training, and
so the second half may be larger than what it replaces.

A second half that was trained so may be named as well: then both are teachers, the one that came with the
first half and the one that learned from labels, and what is trained goes on from the latter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from fashion.errors import InvalidValue
from training.classifying import START
from training.distilling import frozen, said_together
from training.early_exiting import EarlyExitSystem, Halved
from training.halved import HalvedSystem
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, DeepenedClassifier, SecondHalfSettings
from training.ranges import Share
from training.systems import Batch, System, Terms

DEEPENED: Final = "deepened"
"""The part whose second half learned from labels."""


@dataclass(frozen=True, slots=True)
class DeepenedSettings:
    """What to build: network and branch are those of the recipe that this one builds on."""

    network: ResidualSettings = field(default_factory=ResidualSettings)
    branch: BranchSettings = field(default_factory=BranchSettings)
    second_half: SecondHalfSettings = field(default_factory=SecondHalfSettings)
    sure: Share = 0.85
    """The branch's highest probability from which on a picture counts as easy in training; who leaves in use
    is chosen afterwards, by what both halves say (`halving.py`)."""
    easy_kept: Share = 0.1
    """Of the easy pictures, those that are learned from all the same, so that nothing is unknown here."""
    teachers_share: Share = 1.0
    """Of the target, where there are teachers; the rest are the labels."""

    def build(self) -> "DeepenedSystem":
        """A fresh second half; `build_on` gives it what comes before."""
        return DeepenedSystem(self)


class DeepenedSystem(HalvedSystem):
    """Cross-entropy in nats an image, over the pictures that the branch is unsure of and a few more.

    Targets are the labels or, where second halves teach, the mean of their logarithms made to sum to 1.
    """

    network: DeepenedClassifier

    def __init__(self, settings: DeepenedSettings) -> None:
        network = DeepenedClassifier(settings.network, settings.branch, settings.second_half)
        super().__init__(network, sure=settings.sure, easy_kept=settings.easy_kept)
        self.teachers_share = settings.teachers_share
        # In a tuple, which hides them from the optimiser and from checkpoints.
        self._teachers: tuple[Halved, ...] = ()

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take first half and branch of the classifier named `start` and, where there is one, the second half
        of the part named `deepened`; raises InvalidValue for anything else."""
        start, deepened = trained.get(START), trained.get(DEEPENED)
        if (
            not isinstance(start, EarlyExitSystem)
            or not isinstance(deepened, DeepenedSystem | None)
            or trained.keys() - {START, DEEPENED}
        ):
            raise InvalidValue(
                f"A second half builds on one trained classifier with an early exit, {START!r}, and on one "
                f"that has been deepened, {DEEPENED!r}, or none; came: {[*trained]}.",
                field="builds_on",
            )
        self.network.take_over(start.network)
        if deepened is not None:
            self.network.second.load_state_dict(deepened.network.second.state_dict())
            self._teachers = (frozen(start.network), frozen(deepened.network))

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the cross-entropy and `error` the share of wrong answers, both of the pictures that are
        learned from; `learned_from` is their share."""
        with torch.no_grad():
            half = self.network.first(batch.images)
        chosen = self.chosen(half)
        maps = half.maps[chosen]
        logits = self.network.second(maps).logits.float()
        return {
            "total": functional.cross_entropy(logits, self._targets(maps, batch.targets[chosen])),
            "error": (logits.argmax(dim=1) != batch.labels[chosen]).float().mean(),
            "learned_from": chosen.float().mean(),
        }

    def _targets(self, maps: Tensor, labels: Tensor) -> Tensor:
        """(batch, labels), rows sum to 1."""
        if not self._teachers:
            return labels
        with torch.no_grad():
            taught = said_together(
                [teacher.to(maps.device).second(maps).logits for teacher in self._teachers]
            )
        return self.teachers_share * taught + (1 - self.teachers_share) * labels
