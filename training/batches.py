"""Labelled pictures in memory, and the order in which a run sees them.

A data loader with worker processes would cost more than it brings: the whole dataset is 47 MB. Every batch is
a pure function of (seed, epoch, step), so an interrupted run continues exactly as if it had not been.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from training.augmentation import Augmentation, augment, plain
from training.dataset import Dataset
from training.optimisation import Optimisation
from training.systems import Batch

EVALUATION_BATCH = 512


class Pictures(Protocol):
    """Labelled pictures that a run is evaluated on."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Self:
        """The same pictures on a device."""
        ...

    def head(self, count: int) -> Self:
        """The first `count` of them, or all if there are fewer."""
        ...

    def in_order(self, batch_size: int = EVALUATION_BATCH) -> Iterator[Batch]:
        """All of them once, in order and unchanged."""
        ...


class EpochBatches(Protocol):
    """The batches of one epoch: a known number of them, the same each time they are asked for."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


class TrainingPictures(Pictures, Protocol):
    """Labelled pictures that a run is trained on."""

    def epoch(self, augmentation: Any, optimisation: Optimisation, seed: int, number: int) -> EpochBatches:
        """What epoch `number`, counted from 0, shows: a function of the arguments alone.

        `augmentation` is the recipe's, of the type that goes with these pictures.
        """
        ...


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures with their labels."""

    images: Tensor
    """UInt8 (count, 28, 28)."""
    labels: Tensor
    """Int64 (count,)."""

    @classmethod
    def of(cls, dataset: Dataset) -> "Examples":
        """Copy a dataset into tensors."""
        return cls(torch.tensor(dataset.images), torch.tensor(dataset.labels))

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    def to(self, device: torch.device) -> "Examples":
        """The same pictures on a device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def head(self, count: int) -> "Examples":
        """The first `count` of them, or all if there are fewer."""
        return Examples(self.images[:count], self.labels[:count])

    def in_order(self, batch_size: int = EVALUATION_BATCH) -> Iterator[Batch]:
        """All of them once, in order and unchanged."""
        for start in range(0, len(self), batch_size):
            span = slice(start, start + batch_size)
            yield plain(self.images[span], self.labels[span])

    def epoch(
        self, augmentation: Augmentation, optimisation: Optimisation, seed: int, number: int
    ) -> "Epoch":
        """The batches of one epoch, counted from 0."""
        return Epoch(self, augmentation, optimisation.batch_size, seed, number)


def derived_seed(seed: int, *purpose: int) -> int:
    """A seed for one purpose of a run: independent streams from one number (63 bits)."""
    # The spawn key, unlike the entropy, tells (0,) from (0, 0).
    sequence = np.random.SeedSequence(seed, spawn_key=purpose)
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training pictures, shuffled and augmented; what is left of a last batch is
    dropped."""

    examples: Examples
    augmentation: Augmentation
    batch_size: int
    seed: int
    number: int
    """Counted from 0."""

    def __len__(self) -> int:
        return max(1, len(self.examples) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        device = self.examples.labels.device
        shuffling = torch.Generator().manual_seed(derived_seed(self.seed, self.number))
        order = torch.randperm(len(self.examples), generator=shuffling).to(device)
        generator = torch.Generator(device)
        for step in range(len(self)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            generator.manual_seed(derived_seed(self.seed, self.number, step))
            images, labels = self.examples.images[chosen], self.examples.labels[chosen]
            yield augment(images, labels, self.augmentation, generator)


class SharedPictures:
    """The pictures of a run, outside the module's state: averaging copies the module, and not these."""

    def __init__(self, training: TrainingPictures, validation: Pictures) -> None:
        self.training = training
        self.validation = validation

    def to(self, device: torch.device) -> None:
        """Move them to a device."""
        self.training, self.validation = self.training.to(device), self.validation.to(device)

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedPictures":
        return self
