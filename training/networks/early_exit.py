"""A classifier with an early exit: what its first half is sure of needs no second half.

Most pictures are easy. A small branch behind the first stage answers those (BranchyNet, Teerapittayanon et
al. 2016, arXiv:1709.01686); only where it is not sure does the picture go all the way. The network that it
branches off stays as it was trained.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from fashion.labels import NUM_LABELS
from fashion.preparation import SIDE
from training.networks.classifiers import Classification, ResidualClassifier, ResidualSettings

_SIDE_OF_BRANCH = SIDE // 4


@dataclass(frozen=True, slots=True)
class BranchSettings:
    """How large the branch is."""

    channels: Annotated[int, Field(ge=1, le=512)] = 48
    """Of its maps, (7, 7) each."""
    hidden: Annotated[int, Field(ge=1, le=512)] = 96
    """Units that see all of those maps: its features."""


class Exit(NamedTuple):
    """What the branch says: of images (batch, 28, 28), or of the maps that it branches off from."""

    logits: Tensor
    """Float (batch, 10)."""
    features: Tensor
    """Float (batch, hidden)."""


class Branch(nn.Module):
    """Maps (batch, channels, 14, 14) to an Exit.

    The dense layer is written as a convolution over the whole of its maps: so it is computed in integers as
    the other convolutions are.
    """

    def __init__(self, num_inputs: int, settings: BranchSettings) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.squeeze = nn.Sequential(
            nn.Conv2d(num_inputs, settings.channels, 1, bias=False),
            nn.BatchNorm2d(settings.channels),
            nn.ReLU(inplace=True),
        )
        self.dense = nn.Sequential(
            nn.Conv2d(settings.channels, settings.hidden, _SIDE_OF_BRANCH, bias=False),
            nn.BatchNorm2d(settings.hidden),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(settings.hidden, NUM_LABELS)

    def forward(self, maps: Tensor) -> Exit:
        """All of it."""
        features = self.dense(self.squeeze(self.pool(maps))).flatten(1)
        return Exit(self.head(features), features)


class EarlyExitClassifier(nn.Module):
    """A ResidualClassifier, which stays as it is, and a branch off its first half."""

    def __init__(self, network: ResidualSettings, branch: BranchSettings) -> None:
        super().__init__()
        self.deep = ResidualClassifier(network).requires_grad_(False).eval()
        self.branch = Branch(2 * network.width, branch)

    def train(self, mode: bool = True) -> "EarlyExitClassifier":
        """Only the branch trains: the norms of the other half keep their statistics."""
        super().train(mode)
        self.deep.eval()
        return self

    def forward(self, images: Tensor) -> Classification:
        """What the branch says of Float (batch, 28, 28) on [0, 1], its maps before the pool as the feature
        maps."""
        early, maps = self.deep.begin(images)
        said = self.branch(maps)
        return Classification(said.logits, said.features, maps, early)

    def both(self, images: Tensor) -> tuple[Exit, Classification]:
        """What the branch says, and what the whole network says, of images as above."""
        early, maps = self.deep.begin(images)
        return self.branch(maps), self.deep.go_on(maps)._replace(early_maps=early)
