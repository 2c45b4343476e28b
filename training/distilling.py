"""Distillation: a classifier learns what several trained ones say together about pictures that none has seen.

The mean of networks that err differently is right more often than each of them, and costs the sum of their
time. A single network taught by that mean keeps part of the gain at its own cost (Hinton et al. 2015,
arXiv:1503.02531). The teachers see the very pictures that the student sees, moved, erased and mixed, so that
the lesson is a new one in every epoch (Beyer et al. 2022, arXiv:2106.05237).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from training.classifying import ClassifierSystem
from training.networks.classifiers import ResidualClassifier, ResidualSettings
from training.networks.photographs import PhotographNetworkSettings
from training.photograph_classifying import (
    PhotographClassifierSettings,
    PhotographClassifierSystem,
    is_right,
)
from training.ranges import Share
from training.systems import Batch, System, Terms
from training.teachers import Teachers, divergence


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
    """A classifier whose targets are its teachers' probabilities.

    Every part that the recipe builds on teaches, and the mean of their weights is where it starts
    (`teachers.py`).
    """

    def __init__(self, settings: DistilledSettings) -> None:
        super().__init__(ResidualClassifier(settings.network), label_smoothing=0.0)
        self.teachers_share = settings.teachers_share
        self._teachers: Teachers | None = None

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take the teachers; raises InvalidValue where there is none, or one of another kind or size."""
        self._teachers = Teachers(trained, self.network)
        self.network.load_state_dict(self._teachers.mean_weights)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the divergence from the target in nats an image; `error` the share of wrong answers on
        what was shown, `taught_error` that of the teachers together."""
        taught = _present(self._teachers).answer(batch.images)
        targets = self.teachers_share * taught + (1 - self.teachers_share) * batch.targets
        logits = self.network(batch.images).logits.float()
        return {
            "total": divergence(logits, targets),
            "error": (logits.argmax(dim=1) != batch.labels).float().mean(),
            "taught_error": (taught.argmax(dim=1) != batch.labels).float().mean(),
        }


@dataclass(frozen=True, slots=True)
class DistilledPhotographSettings:
    """What to build."""

    network: PhotographNetworkSettings = field(default_factory=PhotographNetworkSettings)

    def build(self) -> "DistilledPhotographSystem":
        """A network as ImageNet left it; `build_on` gives it its teachers."""
        return DistilledPhotographSystem(self)


class DistilledPhotographSystem(PhotographClassifierSystem):
    """The same for photographs: taught by several tunings of one trunk, and begun at the mean of their
    weights."""

    def __init__(self, settings: DistilledPhotographSettings) -> None:
        super().__init__(PhotographClassifierSettings(settings.network))
        self._teachers: Teachers | None = None

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take the teachers; raises InvalidValue where there is none, or one of another kind or size."""
        self._teachers = Teachers(trained, self.network)
        self.network.load_state_dict(self._teachers.mean_weights)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the divergence from the teachers in nats a picture; `error` the share of wrong answers
        on what was shown, `taught_error` that of the teachers together."""
        taught = _present(self._teachers).answer(batch.images)
        logits = self.network(batch.images).logits.float()
        return {
            "total": divergence(logits, taught),
            "error": 1 - is_right(logits, batch.labels).float().mean(),
            "taught_error": 1 - is_right(taught, batch.labels).float().mean(),
        }


def _present(teachers: Teachers | None) -> Teachers:
    if teachers is None:
        raise RuntimeError("a student is trained after build_on has given it its teachers")
    return teachers
