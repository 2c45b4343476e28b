"""A classifier with an early exit: what its first half is sure of needs no second half.

Most pictures are easy. A small branch behind the first stage answers those (BranchyNet, Teerapittayanon et
al. 2016, arXiv:1709.01686); only where it is not sure does the picture go all the way. The branch is trained
behind a network that stays as it is, or both halves are trained at once.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, Self

from pydantic import Field
from torch import Tensor, nn

from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.networks.classifiers import (
    Classification,
    ConvolutionBlock,
    ResidualBlock,
    ResidualClassifier,
    ResidualSettings,
    begun,
)

_SIDE_OF_BRANCH = SIDE // 4


@dataclass(frozen=True, slots=True)
class BranchSettings:
    """How large the branch is."""

    channels: Annotated[int, Field(ge=1, le=512)] = 48
    """Of its maps, (7, 7) each."""
    hidden: Annotated[int, Field(ge=1, le=512)] = 96
    """Units that see all of those maps: its features."""


class Exit(NamedTuple):
    """What the branch says."""

    logits: Tensor
    """Float (batch, 10)."""
    features: Tensor
    """Float (batch, hidden)."""


class FirstHalf(NamedTuple):
    """What is computed of every picture."""

    said: Exit
    early_maps: Tensor
    """Float (batch, channels, 28, 28): what the first layer made."""
    maps: Tensor
    """Float (batch, channels, 14, 14): what went into the branch, and goes into the second half."""


def said_early(half: FirstHalf) -> Classification:
    """The branch's answer in the form of a whole network's, as TensorBoard draws it."""
    return Classification(half.said.logits, half.said.features, half.maps, half.early_maps)


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

    def take_over(self, trained: nn.Module) -> None:
        """Take the weights of the classifier that the branch is to branch off."""
        self.deep.load_state_dict(trained.state_dict())

    def train(self, mode: bool = True) -> "EarlyExitClassifier":
        """Only the branch trains: the norms of the other half keep their statistics."""
        super().train(mode)
        self.deep.eval()
        return self

    def first(self, images: Tensor) -> FirstHalf:
        """Of Float (batch, 28, 28) on [0, 1], up to the branch's answer."""
        early, maps = self.deep.begin(images)
        return FirstHalf(self.branch(maps), early, maps)

    def second(self, maps: Tensor) -> Classification:
        """What the whole network says, from the maps of the first half."""
        return self.deep.go_on(maps)

    @property
    def head(self) -> nn.Linear:
        """The second half's last layer."""
        return self.deep.head

    def forward(self, images: Tensor) -> Classification:
        """What the branch says: what a run of this network trains."""
        return said_early(self.first(images))


@dataclass(frozen=True, slots=True)
class SecondHalfSettings:
    """How large a second half of its own is."""

    stages: tuple[Annotated[int, Field(ge=1, le=512)], Annotated[int, Field(ge=1, le=512)]] = (64, 128)
    """Channels of its maps of 14x14 and of 7x7; each stage has a convolution and a residual block."""


class SecondHalf(nn.Module):
    """Maps (batch, channels, 14, 14) to a Classification, without early maps."""

    def __init__(self, num_inputs: int, settings: SecondHalfSettings) -> None:
        super().__init__()
        large, small = settings.stages
        self.body = nn.Sequential(
            ConvolutionBlock(num_inputs, large),
            ResidualBlock(large, large),
            nn.MaxPool2d(2),
            ConvolutionBlock(large, small),
            ResidualBlock(small, small),
        )
        self.head = nn.Linear(small, NUM_LABELS)

    def forward(self, maps: Tensor) -> Classification:
        """Ends as a ResidualClassifier does, so that its class activation maps are exact."""
        maps = self.body(maps)
        features = maps.mean(dim=(2, 3))
        return Classification(self.head(features), features, maps)


class HalvedClassifier(nn.Module):
    """A first half that ends in a branch, and a second half that goes on from there."""

    stays: ClassVar[tuple[str, ...]] = ()
    """Parts that do not train: they were trained before, and their norms keep their statistics."""

    def __init__(
        self, network: ResidualSettings, branch: BranchSettings, second_half: SecondHalfSettings
    ) -> None:
        super().__init__()
        self.beginning = nn.ModuleList(ResidualClassifier(network).halves()[0])
        self.branch = Branch(2 * network.width, branch)
        self.second = SecondHalf(2 * network.width, second_half)
        for part in self.stays:
            self.get_submodule(part).requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Only what does not stay as it is."""
        super().train(mode)
        for part in self.stays:
            self.get_submodule(part).eval()
        return self

    @property
    def head(self) -> nn.Linear:
        """The second half's last layer."""
        return self.second.head

    def first(self, images: Tensor) -> FirstHalf:
        """Of Float (batch, 28, 28) on [0, 1], up to the branch's answer."""
        early, maps = begun(self.beginning, images)
        return FirstHalf(self.branch(maps), early, maps)

    def forward(self, images: Tensor) -> Classification:
        """What the second half says, whatever the branch says."""
        half = self.first(images)
        answer: Classification = self.second(half.maps)
        return answer._replace(early_maps=half.early_maps)


class DeepenedClassifier(HalvedClassifier):
    """The first half and the branch of another, which stay as they are, and a second half."""

    stays = ("beginning", "branch")

    def take_over(self, trained: HalvedClassifier) -> None:
        """Take its first half and its branch."""
        self.beginning.load_state_dict(trained.beginning.state_dict())
        self.branch.load_state_dict(trained.branch.state_dict())


class TaughtBranchClassifier(HalvedClassifier):
    """Another whole network in halves, of which the branch alone goes on learning."""

    stays = ("beginning", "second")

    def take_over(self, trained: nn.Module) -> None:
        """Take all of its weights, the branch's too."""
        self.load_state_dict(trained.state_dict())

    def forward(self, images: Tensor) -> Classification:
        """What the branch says: what a run of this network trains."""
        return said_early(self.first(images))
