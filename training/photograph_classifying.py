"""The network for photographs as a system: an objective that takes several labels for right, and its graphs.

The photographs' source says "Shoes" and no more, so of footwear the probabilities of sandal, sneaker and
ankle boot are added up before their logarithm is taken: the network is asked for any of them, and pictures
that are simulated from Fashion-MNIST alone teach it which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

from fashion.labels import NUM_LABELS
from training.networks.classifiers import Explainer, folded
from training.networks.photographs import (
    PhotographClassifier,
    PhotographNetworkSettings,
    ServedPhotographClassifier,
)
from training.photograph_batches import FOOTWEAR_ANSWER, NUM_ANSWERS
from training.photographs import ACCEPTABLE_CLASSES, FOOTWEAR
from training.ranges import Share
from training.systems import Batch, ExportGraph, System, Terms
from training.weight_averaging import mean_weights

_FOOTWEAR_CLASSES: Final = sorted(ACCEPTABLE_CLASSES[FOOTWEAR])


@dataclass(frozen=True, slots=True)
class PhotographClassifierSettings:
    """What to build, and how it is taught."""

    network: PhotographNetworkSettings = field(default_factory=PhotographNetworkSettings)
    label_smoothing: Share = 0.0
    """Share of each target spread evenly over the ten labels (arXiv:1512.00567, section 7)."""

    def build(self) -> "PhotographClassifierSystem":
        """A freshly initialised classifier of photographs."""
        return PhotographClassifierSystem(self)


class PhotographClassifierSystem(System):
    """Minus the log of the probability of what is acceptable, in nats a picture, against mixed targets."""

    kind: ClassVar[Literal["classifier", "autoencoder"]] = "classifier"
    # A few hundred photographs are right or wrong; how surely they are moves in finer steps.
    monitor: ClassVar[str] = "total"
    stands_alone: ClassVar[bool] = False

    def __init__(self, settings: PhotographClassifierSettings) -> None:
        super().__init__()
        self.label_smoothing = settings.label_smoothing
        self.network: PhotographClassifier = PhotographClassifier(settings.network)

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Go on from the mean of the weights of what the recipe builds on, tunings of this very trunk; raises
        InvalidValue where one is of another kind or size."""
        if trained:
            self.network.load_state_dict(mean_weights(trained, self.network))

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the objective in nats a picture; `error` the share of wrong answers on what was
        shown."""
        smooth = functional.pad(batch.targets.new_full((NUM_LABELS,), 1 / NUM_LABELS), (0, 1))
        targets = (1 - self.label_smoothing) * batch.targets + self.label_smoothing * smooth
        return self._terms(batch, targets)

    def validation_terms(self, batch: Batch) -> Terms:
        """`total` is the plain objective, without smoothing."""
        return self._terms(batch, batch.targets)

    def graphs(self) -> list[ExportGraph]:
        """`photograph_classifier` (views to logits, features and feature maps) and `photograph_explainer`."""
        side = self.network.view_side
        random = torch.Generator().manual_seed(0)
        views = torch.randint(256, (2, side, side, 3), generator=random).to(torch.uint8)
        served = ServedPhotographClassifier(folded(self.network))
        with torch.no_grad():
            maps = served(views)[2]
        explainer = Explainer(self.network.head).eval().cpu()
        outputs = ("logits", "features", "feature_maps")
        return [
            ExportGraph("photograph_classifier", served, (views,), ("views",), outputs, half_weights=True),
            ExportGraph(
                "photograph_explainer", explainer, (maps,), ("feature_maps",), ("class_activation_maps",)
            ),
        ]

    def _terms(self, batch: Batch, targets: Tensor) -> Terms:
        logits = self.network(batch.images).logits.float()
        total = -(targets * answer_log_probabilities(logits)).sum(dim=1).mean()
        return {"total": total, "error": 1 - is_right(logits, batch.labels).float().mean()}


def answer_log_probabilities(logits: Tensor) -> Tensor:
    """Logits (batch, 10) to (batch, 11): the labels' log probabilities, and that of footwear of any kind."""
    labels = functional.log_softmax(logits, dim=1)
    footwear = labels[:, _FOOTWEAR_CLASSES].logsumexp(dim=1, keepdim=True)
    return torch.cat([labels, footwear], dim=1)


def is_right(logits: Tensor, answers: Tensor) -> Tensor:
    """Whether the most probable label is acceptable: (batch, 10) and (batch,) to Bool (batch,)."""
    acceptable = torch.eye(NUM_ANSWERS, NUM_LABELS, dtype=torch.bool, device=logits.device)
    acceptable[FOOTWEAR_ANSWER, _FOOTWEAR_CLASSES] = True
    return acceptable[answers, logits.argmax(dim=1)]
