"""Distillation: a classifier learns what several trained ones say together about pictures that none has seen.

The mean of networks that err differently is right more often than each of them, and costs the sum of their
time. A single network taught by that mean keeps part of the gain at its own cost (Hinton et al. 2015,
arXiv:1503.02531). The teachers see the very pictures that the student sees, moved, erased and mixed, so that
the lesson is a new one in every epoch (Beyer et al. 2022, arXiv:2106.05237).
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.classifying import ClassifierSystem
from training.networks.classifiers import N, ResidualClassifier, ResidualSettings, folded
from training.pruning import prune
from training.ranges import Share
from training.systems import Batch, System, Terms
from training.weight_averaging import mean_weights


@dataclass(frozen=True, slots=True)
class DistilledSettings:
    """What to build, and how much of its lesson is the teachers'."""

    network: ResidualSettings = field(default_factory=ResidualSettings)
    teachers_share: Share = 1.0
    """Of the target; the rest are the labels as they are."""

    def build(self) -> "DistilledSystem":
        """A fresh network; `build_on` gives it its teachers."""
        return DistilledSystem(self)


class DistilledSystem(ClassifierSystem):
    """A classifier whose targets are its teachers' probabilities, the mean of their logarithms made to sum
    to 1.

    All parts that the recipe builds on teach. They are of one size and have branched off from one network,
    so that the mean of their weights is about as good as each of them (Wortsman et al. 2022,
    arXiv:2203.05482). There a student of their size starts, and at a low rate it comes nearer to what they
    say together; a smaller one starts from those channels of it that matter most.
    """

    network: ResidualClassifier

    def __init__(self, settings: DistilledSettings) -> None:
        super().__init__(ResidualClassifier(settings.network), label_smoothing=0.0)
        self.teachers_share = settings.teachers_share
        # In tuples, which hide them from the optimiser and from checkpoints.
        self._teachers: tuple[nn.Module, ...] = ()
        self._start: tuple[ResidualClassifier, ...] = ()

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take the teachers; raises InvalidValue where there is none, or one of another kind or size."""
        first = next((system.network for system in trained.values()), self.network)
        start = copy.deepcopy(first if isinstance(first, ResidualClassifier) else self.network)
        start.load_state_dict(mean_weights(trained, start))
        self._start = (start,)
        self._teachers = tuple(frozen(system.network) for system in trained.values())

    def look_at(self, pictures: Iterable[Batch]) -> None:
        """Start from the weights that `build_on` chose; raises InvalidValue where they cannot be pruned to
        this size."""
        for start in self._start:
            prune(start.eval(), self.network, pictures)
        self._start = ()

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the divergence from the target in nats an image; `error` the share of wrong answers on
        what was shown, `taught_error` that of the teachers together."""
        taught = self._taught(batch.images)
        targets = self.teachers_share * taught + (1 - self.teachers_share) * batch.targets
        answers = self.network(batch.images).logits.float().log_softmax(dim=1)
        wrong = (taught.argmax(dim=1) != batch.labels).float().mean()
        return {
            "total": functional.kl_div(answers, targets, reduction="batchmean"),
            "error": (answers.argmax(dim=1) != batch.labels).float().mean(),
            "taught_error": wrong,
        }

    def _taught(self, images: Tensor) -> Tensor:
        """What the teachers say together: (batch, labels), rows sum to 1."""
        with torch.no_grad():
            return said_together([teacher.to(images.device)(images).logits for teacher in self._teachers])


def said_together(answers: Sequence[Tensor]) -> Tensor:
    """The mean of the logarithms of probabilities, made to sum to 1: (batch, labels), of logits each
    (batch, labels)."""
    return torch.stack([logits.float().log_softmax(dim=1) for logits in answers]).mean(dim=0).softmax(dim=1)


def frozen(network: N) -> N:
    """A copy that only answers, and fast."""
    moved: N = folded(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub
    return moved.requires_grad_(False)
