"""Labelled pictures in memory, and the order in which a run sees them.

A data loader with worker processes would cost more than it brings: the whole dataset is 47 MB. Every batch is
a pure function of (seed, epoch, step), so an interrupted run continues exactly as if it had not been.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from training.augmentation import Augmentation, augment, plain
from training.dataset import Dataset
from training.systems import Batch

EVALUATION_BATCH = 512


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
