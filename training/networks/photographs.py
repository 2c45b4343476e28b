"""The network for photographs: an ImageNet trunk over a view in colour, and one linear layer.

A photograph's garment lies on a carpet or a door, and its collar and buttons tell a shirt from a pullover; at
28x28 in grey both are lost. A thousand photographs are too few to learn that from, so the trunk comes with
what a million taught it (`efficientnet_lite.py`). Like the classifier it ends in a global average and one
linear layer, which makes its class activation maps exact.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from fashion.labels import NUM_LABELS
from training.networks.classifiers import Classification
from training.networks.efficientnet_lite import NUM_BLOCKS, EfficientNetLite


@dataclass(frozen=True, slots=True)
class PhotographNetworkSettings:
    """How large the network for photographs is, and how much it sees."""

    view_side: Annotated[int, Field(ge=32, le=224, multiple_of=32)] = 160
    """Pixels a side of the view; a photograph of 3:4 fills three quarters of it."""
    blocks: Annotated[int, Field(ge=1, le=NUM_BLOCKS)] = NUM_BLOCKS
    """How many of the trunk's sixteen blocks are kept."""
    frozen_blocks: Annotated[int, Field(ge=0, le=NUM_BLOCKS)] = 3
    """How many of them, with the stem before, stay as ImageNet left them; 0: none, not the stem either."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Share of the pooled features dropped in training."""


class PhotographClassifier(nn.Module):
    """Views Float (batch, 3, side, side) on [0, 1] to a Classification."""

    def __init__(self, settings: PhotographNetworkSettings) -> None:
        super().__init__()
        self.view_side = settings.view_side
        self.trunk = EfficientNetLite(settings.blocks, settings.frozen_blocks)
        self.trunk.load_pretrained()
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(self.trunk.num_features, NUM_LABELS)
        nn.init.zeros_(self.head.weight)

    def forward(self, views: Tensor) -> Classification:
        """One pass; nothing has to be normalised before."""
        maps = self.trunk(views)
        features = maps.float().mean(dim=(2, 3))
        return Classification(self.head(self.dropout(features)), features, maps)


class ServedPhotographClassifier(nn.Module):
    """What is exported: UInt8 (batch, side, side, 3) in, the fields of a Classification out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale inside the graph, so that serving cannot scale differently from training."""
        answer = self.network(views.permute(0, 3, 1, 2).float() / 255)
        return answer.logits, answer.features, answer.feature_maps
