"""The classifiers of the texts as systems: the dense one and the plain stack of convolutions.

The objective and the graphs are those of every classifier (`classifying.py`); the networks are others, and
the best epoch is the one with the lowest cross-entropy on validation, as the text keeps it.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.labels import NUM_LABELS
from fashion.preparation import SIDE
from training.classifying import ServedClassifier
from training.networks.classifiers import Explainer, folded
from training.networks.dense import DenseClassifier, DenseClassifierSettings
from training.networks.plain_convolutional import PlainClassifier, PlainClassifierSettings
from training.ranges import Share
from training.systems import Batch, ExportGraph, System, Terms


@dataclass(frozen=True, slots=True)
class DenseClassifierSystemSettings:
    """The dense classifier, and how it is taught."""

    network: DenseClassifierSettings = field(default_factory=DenseClassifierSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels."""

    def build(self) -> "PlainClassifierSystem":
        """A freshly initialised classifier; it has no class activation maps, because it has no positions."""
        return PlainClassifierSystem(DenseClassifier(self.network), None, self.label_smoothing)


@dataclass(frozen=True, slots=True)
class PlainClassifierSystemSettings:
    """The plain convolutional classifier, and how it is taught."""

    network: PlainClassifierSettings = field(default_factory=PlainClassifierSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels."""

    def build(self) -> "PlainClassifierSystem":
        """A freshly initialised classifier."""
        network = PlainClassifier(self.network)
        return PlainClassifierSystem(network, network.head, self.label_smoothing)


class PlainClassifierSystem(System):
    """Cross-entropy in nats an image. `head` is what class activation maps are made with, None for none."""

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "classifier"
    monitor: ClassVar[str] = "total"

    def __init__(self, network: nn.Module, head: nn.Linear | None, label_smoothing: float) -> None:
        super().__init__()
        self.network = network
        self.label_smoothing = label_smoothing
        self._heads = [] if head is None else [head]  # in a list: the network owns the parameters

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective in nats an image; `error` the share of wrong answers on what was shown."""
        logits = self.network(batch.images).logits.float()
        targets = (1 - self.label_smoothing) * batch.targets + self.label_smoothing / NUM_LABELS
        return {"total": functional.cross_entropy(logits, targets), "error": _error(logits, batch)}

    def validation_terms(self, batch: Batch) -> Terms:
        """`total` is plain cross-entropy in nats an image, without smoothing."""
        logits = self.network(batch.images).logits.float()
        return {"total": functional.cross_entropy(logits, batch.targets), "error": _error(logits, batch)}

    def graphs(self) -> list[ExportGraph]:
        """`classifier` (images to logits, features, feature maps); `explainer` where there is a head."""
        served = ServedClassifier(folded(self.network))
        random = torch.Generator().manual_seed(0)
        images = torch.randint(256, (2, SIDE, SIDE), generator=random).to(torch.uint8)
        outputs = ("logits", "features", "feature_maps")
        graphs = [ExportGraph("classifier", served, (images,), ("images",), outputs)]
        with torch.no_grad():
            maps = served(images)[2]
        for head in self._heads:
            explainer = Explainer(head).eval().cpu()
            graphs.append(
                ExportGraph("explainer", explainer, (maps,), ("feature_maps",), ("class_activation_maps",))
            )
        return graphs


def _error(logits: Tensor, batch: Batch) -> Tensor:
    return (logits.argmax(dim=1) != batch.labels).float().mean()
