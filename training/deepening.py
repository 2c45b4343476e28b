"""A larger second half as a system: it learns what the branch of a trained early exit is unsure of.

`build_on` takes the classifier with its branch. Of the pictures that are shown, moved and erased, those that
the branch is sure of are passed over, but for a few: they would teach nothing, and in use they never come
here. So an epoch costs what its hard pictures cost. In use, where nothing is erased, fewer come here, and so
the second half may be larger than what it replaces.

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
from training.classifying import START, ClassifierSystem
from training.distilling import frozen, said_together
from training.early_exiting import EarlyExitSystem, Halved, early_exit_graphs
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, DeepenedClassifier, FirstHalf, SecondHalfSettings
from training.ranges import Share
from training.systems import Batch, ExportGraph, System, Terms

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


class DeepenedSystem(ClassifierSystem):
    """Cross-entropy in nats an image, over the pictures that the branch is unsure of and a few more.

    Targets are the labels or, where second halves teach, the mean of their logarithms made to sum to 1.
    """

    network: DeepenedClassifier

    def __init__(self, settings: DeepenedSettings) -> None:
        network = DeepenedClassifier(settings.network, settings.branch, settings.second_half)
        super().__init__(network, label_smoothing=0.0)
        self.sure = settings.sure
        self.easy_kept = settings.easy_kept
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
        chosen = ~self._leave(half)
        chosen |= torch.rand(len(batch), device=chosen.device) < self.easy_kept
        chosen[0] = True  # so that there is one
        maps = half.maps[chosen]
        logits = self.network.second(maps).logits.float()
        return {
            "total": functional.cross_entropy(logits, self._targets(maps, batch.targets[chosen])),
            "error": (logits.argmax(dim=1) != batch.labels[chosen]).float().mean(),
            "learned_from": chosen.float().mean(),
        }

    def validation_terms(self, batch: Batch) -> Terms:
        """Of all pictures, each answered by the second half unless the branch is sure: `total` in nats,
        `error`."""
        half = self.network.first(batch.images)
        deep = self.network.second(half.maps).logits.float()
        logits = torch.where(self._leave(half)[:, None], half.said.logits.float(), deep)
        return {
            "total": functional.cross_entropy(logits, batch.targets),
            "error": (logits.argmax(dim=1) != batch.labels).float().mean(),
        }

    def graphs(self) -> list[ExportGraph]:
        """`classifier`, still with both answers (`halving.py` splits it), and `explainer`."""
        return early_exit_graphs(self.network)

    def _targets(self, maps: Tensor, labels: Tensor) -> Tensor:
        """(batch, labels), rows sum to 1."""
        if not self._teachers:
            return labels
        with torch.no_grad():
            taught = said_together(
                [teacher.to(maps.device).second(maps).logits for teacher in self._teachers]
            )
        return self.teachers_share * taught + (1 - self.teachers_share) * labels

    def _leave(self, half: FirstHalf) -> Tensor:
        """Bool (batch,): whom the branch is sure of."""
        return half.said.logits.float().softmax(dim=1).amax(dim=1) >= self.sure
