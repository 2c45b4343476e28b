"""Both halves of a classifier with an early exit trained at once, from nothing.

The branch learns every picture, the second half those alone that the branch is unsure of, and a few more:
the others would teach it little, and in use they never come to it. So an epoch costs what its hard pictures
cost, and the first half learns to serve both (BranchyNet, Teerapittayanon et al. 2016, arXiv:1709.01686).
Who leaves early in use is decided after training (`halving.py`).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from training.classifying import ClassifierSystem
from training.early_exiting import early_exit_graphs
from training.networks.classifiers import ResidualSettings
from training.networks.early_exit import BranchSettings, FirstHalf, HalvedClassifier, SecondHalfSettings
from training.ranges import NotNegative, Share
from training.systems import Batch, ExportGraph, Terms
from training.teachers import ReleasedTeacher, released_teacher

_BRANCH_FOLLOWS: Final = 0.5
"""How much of the branch's target on hard pictures is what the second half says of them: those that it then
answers alike may leave early."""


@dataclass(frozen=True, slots=True)
class HalvedSettings:
    """What to build, and how it is taught."""

    network: ResidualSettings = field(default_factory=ResidualSettings)
    """Only its first half: width, first layer and the way of downsampling."""
    branch: BranchSettings = field(default_factory=BranchSettings)
    second_half: SecondHalfSettings = field(default_factory=SecondHalfSettings)
    sure: Share = 0.85
    """The branch's highest probability from which on a picture counts as easy in training."""
    hardest: Share = 1.0
    """The largest share of a batch that counts as hard, those that the branch is least sure of: a branch that
    learns from a teacher's doubt is seldom sure."""
    easy_kept: Share = 0.1
    """Of the easy pictures, those that the second half learns from all the same, so that nothing is unknown
    to it."""
    branch_weight: NotNegative = 0.5
    """Of the branch's cross-entropy beside the second half's."""
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels (arXiv:1512.00567, section 7)."""
    teacher: str = ""
    """File in `releases/teachers` whose classifier says, too, what the second half learns; "" for labels
    alone."""
    teachers_share: Share = 0.5
    """Of the second half's targets; the rest are the labels, smoothed."""

    def build(self) -> "HalvedSystem":
        """Both halves, freshly initialised."""
        return HalvedSystem(self)


class HalvedSystem(ClassifierSystem):
    """Cross-entropy in nats an image: the second half's over what it learns from, and the branch's over
    everything."""

    network: HalvedClassifier

    def __init__(self, settings: HalvedSettings, network: HalvedClassifier | None = None) -> None:
        """`network` where it is not the plain one that `settings` tell of."""
        if network is None:
            network = HalvedClassifier(settings.network, settings.branch, settings.second_half)
        super().__init__(network, settings.label_smoothing)
        self.sure = settings.sure
        self.hardest = settings.hardest
        self.easy_kept = settings.easy_kept
        self.branch_weight = settings.branch_weight
        self.teacher = settings.teacher
        self.teachers_share = settings.teachers_share

    @cached_property
    def released(self) -> ReleasedTeacher:
        """The teacher, opened when it is first asked."""
        return released_teacher(self.teacher)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective; `error` the share of wrong answers of the second half on what it learns
        from, `branch_error` of the branch on everything; `learned_from` the former's share of the batch."""
        half = self.network.first(batch.images)
        chosen = self.chosen(half)
        logits = self.network.second(half.maps[chosen]).logits.float()
        said = half.said.logits.float()
        targets = self.smoothed(batch.targets)
        lesson = targets[chosen]
        if self.teacher:
            lesson = lesson.lerp(
                self.released.logits(batch.images[chosen]).softmax(dim=1), self.teachers_share
            )
            targets[chosen] = lesson.lerp(logits.detach().softmax(dim=1), _BRANCH_FOLLOWS)
        deep = functional.cross_entropy(logits, lesson)
        early = functional.cross_entropy(said, targets)
        return {
            "total": deep + self.branch_weight * early,
            "error": (logits.argmax(dim=1) != batch.labels[chosen]).float().mean(),
            "branch_error": (said.argmax(dim=1) != batch.labels).float().mean(),
            "learned_from": chosen.float().mean(),
        }

    def validation_terms(self, batch: Batch) -> Terms:
        """Of all pictures, each answered by the second half unless the branch is sure: `total` in nats,
        `error`; beside it the `branch_error`."""
        half = self.network.first(batch.images)
        said = half.said.logits.float()
        deep = self.network.second(half.maps).logits.float()
        logits = torch.where(self._leave(half)[:, None], said, deep)
        return {
            "total": functional.cross_entropy(logits, batch.targets),
            "error": (logits.argmax(dim=1) != batch.labels).float().mean(),
            "branch_error": (said.argmax(dim=1) != batch.labels).float().mean(),
        }

    def graphs(self) -> list[ExportGraph]:
        """`classifier`, still with both answers (`halving.py` splits it), and `explainer`."""
        return early_exit_graphs(self.network)

    def chosen(self, half: FirstHalf) -> Tensor:
        """Bool (batch,): what the second half learns from, one picture at least."""
        confidences = self._confidences(half)
        most = max(1, int(self.hardest * len(confidences)))
        chosen = (confidences < self.sure) & (confidences <= confidences.kthvalue(most).values)
        chosen |= torch.rand(len(chosen), device=chosen.device) < self.easy_kept
        chosen[0] = True
        return chosen

    def _leave(self, half: FirstHalf) -> Tensor:
        """Bool (batch,): whom the branch is sure of."""
        return self._confidences(half) >= self.sure

    def _confidences(self, half: FirstHalf) -> Tensor:
        """The branch's highest probabilities: (batch,)."""
        return half.said.logits.detach().float().softmax(dim=1).amax(dim=1)
