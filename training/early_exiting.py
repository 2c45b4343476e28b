"""An early exit as a system: a branch learns what the whole of a trained classifier says.

`build_on` takes the classifier, which stays as it is. The branch sees what its first half makes of pictures,
moved and erased, and is taught the probabilities that the whole of it gives them, so that both speak of
doubt on one scale. A classifier that was trained in halves has a branch, which goes on from what it learned
while the rest was still moving. Which pictures leave early is decided after training (`halving.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.errors import InvalidValue
from fashion.manifest import EARLY_STATISTICS, STEM_MAPS
from training.classifying import START, ClassifierSystem, example_images, explainer_graph, statistics
from training.networks.classifiers import ResidualSettings, folded
from training.networks.early_exit import (
    BranchSettings,
    EarlyExitClassifier,
    HalvedClassifier,
    SecondHalfSettings,
    TaughtBranchClassifier,
)
from training.systems import Batch, ExportGraph, System, Terms

EXIT_LOGITS: Final = "exit_logits"
"""What the branch says, in the graph of the whole."""


@dataclass(frozen=True, slots=True)
class EarlyExitSettings:
    """What to build: the network is that of the recipe that this one builds on."""

    network: ResidualSettings = field(default_factory=ResidualSettings)
    branch: BranchSettings = field(default_factory=BranchSettings)

    def build(self) -> "EarlyExitSystem":
        """A fresh branch; `build_on` gives it what it branches off from."""
        return EarlyExitSystem(EarlyExitClassifier(self.network, self.branch))


@dataclass(frozen=True, slots=True)
class TaughtBranchSettings(EarlyExitSettings):
    """The same for a classifier that was trained in halves, whose branch goes on learning."""

    second_half: SecondHalfSettings = field(default_factory=SecondHalfSettings)

    def build(self) -> "EarlyExitSystem":
        """`build_on` gives it all of its weights."""
        return EarlyExitSystem(TaughtBranchClassifier(self.network, self.branch, self.second_half))


class EarlyExitSystem(ClassifierSystem):
    """The divergence between the branch's probabilities and the whole network's, in nats an image."""

    network: EarlyExitClassifier | TaughtBranchClassifier

    def __init__(self, network: EarlyExitClassifier | TaughtBranchClassifier) -> None:
        super().__init__(network, label_smoothing=0.0)

    def build_on(self, trained: Mapping[str, System]) -> None:
        """Take the classifier named `start`; raises InvalidValue where there is none, or another part."""
        if trained.keys() != {START}:
            raise InvalidValue(
                f"An early exit builds on one trained classifier, {START!r}; came: {[*trained]}.",
                field="builds_on",
            )
        self.network.take_over(trained[START].network)

    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """`total` is the divergence; `error` the share of wrong answers of the branch."""
        return self._terms(batch)

    def validation_terms(self, batch: Batch) -> Terms:
        """The same."""
        return self._terms(batch)

    def graphs(self) -> list[ExportGraph]:
        """`classifier`, still with both answers (`halving.py` splits it), and `explainer`."""
        return early_exit_graphs(self.network)

    def _terms(self, batch: Batch) -> Terms:
        half = self.network.first(batch.images)
        with torch.no_grad():
            targets = self.network.second(half.maps).logits.float().softmax(dim=1)
        answers = half.said.logits.float().log_softmax(dim=1)
        return {
            "total": functional.kl_div(answers, targets, reduction="batchmean"),
            "error": (answers.argmax(dim=1) != batch.labels).float().mean(),
        }


NetworkInHalves = EarlyExitClassifier | HalvedClassifier
"""A network in two halves: `first` ends in the branch's answer, `second` goes on from there."""


def early_exit_graphs(network: NetworkInHalves) -> list[ExportGraph]:
    """`classifier`, with what both halves say, and `explainer`, of the second one's last layer."""
    served = ServedEarlyExit(folded(network))
    images = example_images()
    with torch.no_grad():
        maps = served(images)[2]
    outputs = ("logits", "features", "feature_maps", EARLY_STATISTICS, EXIT_LOGITS, STEM_MAPS)
    return [
        ExportGraph("classifier", served, (images,), ("images",), outputs),
        explainer_graph(network.head, maps),
    ]


class ServedEarlyExit(nn.Module):
    """What is exported: UInt8 (batch, 28, 28) in; the whole network's logits and maps, the branch's features
    and logits, the first layer's statistics, and the maps between both halves."""

    def __init__(self, network: NetworkInHalves) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        half = self.network.first(images.float() / 255)
        deep, said = self.network.second(half.maps), half.said
        early = statistics(half.early_maps)
        return deep.logits, said.features, deep.feature_maps, early, said.logits, half.maps
