"""The classifier as a system: its network, its objective and the graphs that are served."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from fashion.manifest import EARLY_STATISTICS
from training.networks.classifiers import (
    Classification,
    Explainer,
    ResidualClassifier,
    ResidualSettings,
    folded,
)
from training.ranges import Share
from training.systems import Batch, ExportGraph, System, Terms

START: Final = "start"
"""The part that a classifier may build on: one of the same size, whose weights it goes on from."""


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """What to build, and how it is taught."""

    network: ResidualSettings = field(default_factory=ResidualSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the labels (arXiv:1512.00567, section 7)."""

    def build(self) -> "ClassifierSystem":
        """A freshly initialised classifier."""
        return ClassifierSystem(ResidualClassifier(self.network), self.label_smoothing)


class ClassifierSystem(System):
    """Cross-entropy in nats an image, against targets that may be mixed and smoothed.

    `network` gives a Classification and ends in a linear layer `head`; with `explained`, activation maps
    are made with that layer.
    """

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "classifier"
    monitor: ClassVar[str] = "error"

    def __init__(self, network: nn.Module, label_smoothing: float, *, explained: bool = True) -> None:
        super().__init__()
        self.network = network
        self.label_smoothing = label_smoothing
        self.explained = explained

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Go on from the weights of `start`, if the recipe names one."""
        if trained.keys() - {START}:
            super().build_on(trained)
        if START in trained:
            self.network.load_state_dict(trained[START].network.state_dict())

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective in nats an image; `error` the share of wrong answers on what was shown."""
        logits = self.network(batch.images).logits.float()
        return {
            "total": functional.cross_entropy(logits, self.smoothed(batch.targets)),
            "error": _error(logits, batch),
        }

    def smoothed(self, targets: Tensor) -> Tensor:
        """Targets (batch, labels) with the share of `label_smoothing` spread over the labels."""
        return (1 - self.label_smoothing) * targets + self.label_smoothing / NUM_LABELS

    def validation_terms(self, batch: Batch) -> Terms:
        """`total` is plain cross-entropy in nats an image, without smoothing."""
        logits = self.network(batch.images).logits.float()
        return {"total": functional.cross_entropy(logits, batch.targets), "error": _error(logits, batch)}

    def graphs(self) -> list[ExportGraph]:
        """`classifier` (images to all that is served) and, where explained, `explainer`."""
        served = ServedClassifier(folded(self.network))
        images = example_images()
        with torch.no_grad():
            _, _, maps, *early = served(images)
        outputs = ("logits", "features", "feature_maps", *([EARLY_STATISTICS] if early else []))
        graphs = [ExportGraph("classifier", served, (images,), ("images",), outputs)]
        if self.explained:
            graphs.append(explainer_graph(self.network.get_submodule("head"), maps))
        return graphs


def example_images() -> Tensor:
    """UInt8 (2, 28, 28), the same ones each time: what a graph is exported with."""
    random = torch.Generator().manual_seed(0)
    return torch.randint(256, (2, SIDE, SIDE), generator=random).to(torch.uint8)


def explainer_graph(head: nn.Module, maps: Tensor) -> ExportGraph:
    """`explainer`: feature maps to class activation maps, made with the linear layer `head`."""
    if not isinstance(head, nn.Linear):
        raise TypeError(f"class activation maps are made with a linear layer, not with {head}")
    return ExportGraph(
        "explainer", Explainer(head).eval().cpu(), (maps,), ("feature_maps",), ("class_activation_maps",)
    )


class ServedClassifier(nn.Module):
    """What is exported: UInt8 (batch, 28, 28) in, the fields of a Classification out, the early maps as
    statistics."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        answer: Classification = self.network(images.float() / 255)
        if answer.early_maps is None:
            return answer.logits, answer.features, answer.feature_maps
        return answer.logits, answer.features, answer.feature_maps, statistics(answer.early_maps)


def statistics(maps: Tensor) -> Tensor:
    """Each channel's mean over the positions, then each channel's standard deviation: (batch, 2 channels)."""
    means = maps.mean(dim=(2, 3))
    # Products rather than squares, which are exported as powers.
    variances = (maps * maps).mean(dim=(2, 3)) - means * means
    return torch.cat([means, variances.clamp(min=0).sqrt()], dim=1)


def _error(logits: Tensor, batch: Batch) -> Tensor:
    return (logits.argmax(dim=1) != batch.labels).float().mean()
