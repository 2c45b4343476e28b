"""The classifiers of the texts as systems: the dense one and the plain stack of convolutions.

The objective and the graphs are those of every classifier (`classifying.py`); the networks are others, and
the best epoch is the one with the lowest cross-entropy on validation, as the text keeps it.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from training.classifying import ClassifierSystem
from training.networks.dense import DenseClassifier, DenseClassifierSettings
from training.networks.plain_convolutional import PlainClassifier, PlainClassifierSettings
from training.ranges import Share


@dataclass(frozen=True, slots=True)
class DenseClassifierSystemSettings:
    """The dense classifier, and how it is taught."""

    network: DenseClassifierSettings = field(default_factory=DenseClassifierSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels."""

    def build(self) -> "PlainClassifierSystem":
        """A freshly initialised classifier; it has no class activation maps, because it has no positions."""
        return PlainClassifierSystem(DenseClassifier(self.network), self.label_smoothing, explained=False)


@dataclass(frozen=True, slots=True)
class PlainClassifierSystemSettings:
    """The plain convolutional classifier, and how it is taught."""

    network: PlainClassifierSettings = field(default_factory=PlainClassifierSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels."""

    def build(self) -> "PlainClassifierSystem":
        """A freshly initialised classifier."""
        return PlainClassifierSystem(PlainClassifier(self.network), self.label_smoothing)


class PlainClassifierSystem(ClassifierSystem):
    """The same objective and graphs; the best epoch is the one with the lowest cross-entropy."""

    monitor: ClassVar[str] = "total"
