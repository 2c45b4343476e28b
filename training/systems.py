"""What the one training loop fits: a *system*, which is a network together with its objective.

The loop (`fitting.py`) knows nothing of classes or latents. It hands a system batches and minimises the term
called `total`; it exports whatever graphs the system offers. A new kind of model is a new subclass of
`System` and a settings dataclass with a `build` method: nothing else in the loop changes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor, nn

from fashion.errors import InvalidValue
from training.latent_layout import LatentLayout

Terms = dict[str, Tensor]
"""Named scalars, each a mean over the batch. `total` is what training minimises; units belong in the names
(`kl_nats`). A term without a unit in its name is a share (`error`) or the objective itself (`total`)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pictures, after augmentation, on the device of the network."""

    images: Tensor
    """Float (batch, 28, 28) on [0, 1], light garment on black; photographs are (batch, 3, side, side)."""
    labels: Tensor
    """Int64 (batch,): the label of each picture, the dominant one where pictures were mixed. A photograph's
    may be one more than the ten: see `photograph_batches.FOOTWEAR_ANSWER`."""
    targets: Tensor
    """Float (batch, labels), rows sum to 1: one-hot labels, or their mixture."""

    def __len__(self) -> int:
        return int(self.labels.shape[0])


@dataclass(frozen=True, slots=True)
class ExportGraph:
    """One graph of the artifact: a module in evaluation mode, and how its arrays are called.

    `example` are arguments with a batch of two or more; the first axis of every input and output is exported
    as dynamic. `tolerance` bounds the absolute difference allowed between torch and the exported graph.
    `half_weights` keeps the weights in sixteen bits, to which they are rounded first (`half_weights.py`).
    """

    name: str
    module: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tolerance: float = 1e-3
    half_weights: bool = False


class System(nn.Module, ABC):
    """A network and its objective.

    `kind` and `latent_size` land in the manifest. `monitor` names the validation term that picks the best
    checkpoint and drives early stopping: the smaller the better.
    """

    kind: ClassVar[Literal["classifier", "autoencoder"]]
    monitor: ClassVar[str]
    stands_alone: ClassVar[bool] = True
    """Whether its graphs make an artifact by themselves, or join another's (see `export.py`)."""
    latent_size: int | None = None
    variational: bool = False
    """Whether pictures are encoded to a mean and a log variance."""
    layout: LatentLayout | None = None
    """What the dimensions of its latents stand for, where they are not all of one kind."""
    learning_rate_shares: ClassVar[Mapping[str, float]] = {}
    """Of the recipe's learning rate, for parts of the system that move with less of it, by their names."""
    network: nn.Module

    def build_on(self, trained: "Mapping[str, System]") -> None:
        """Take over what the recipes of `Recipe.builds_on` trained, before the first step.

        `trained` holds a system for each part, in evaluation mode. Raises InvalidValue where one of them is
        not what this system needs.
        """
        if trained:
            raise InvalidValue(
                f"{type(self).__name__} builds on no other system, but got {', '.join(trained)}: leave "
                f"builds_on of the recipe empty.",
                field="builds_on",
            )

    def look_at(self, pictures: Iterable[Batch]) -> None:
        """See some training pictures, unchanged, after `build_on` and before the first step: for systems that
        choose by them what to keep."""

    @abstractmethod
    def training_terms(self, batch: Batch, progress: float) -> Terms:
        """The terms of one training step.

        `progress` is the share of all steps already done, from 0 to 1: warm-ups are functions of it, so that
        they resume where they were. Draw noise from torch's global generator, which the loop seeds for every
        epoch.
        """

    def validation_terms(self, batch: Batch) -> Terms:
        """The terms on held-out pictures, under `torch.no_grad` in evaluation mode; must contain
        `monitor`."""
        return self.training_terms(batch, progress=1.0)

    @abstractmethod
    def graphs(self) -> list[ExportGraph]:
        """The graphs that the artifact holds, made of copies: the system itself stays trainable."""


class SystemSettings(Protocol):
    """A frozen dataclass that says what to build. Every field can be overridden with `--set
    system.field=value`."""

    def build(self) -> System:
        """A freshly initialised system; its weights come from torch's global generator."""
        ...
