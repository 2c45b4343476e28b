"""Training on several devices or machines: which of the processes this one is, and its share of every batch.

`torchrun` starts the same command once for each device, and Lightning joins the processes. Every process
draws the same batch and takes every n-th picture of it, so a run of n processes takes the steps of a run of
one.
"""

import os
from dataclasses import dataclass

from fashion.errors import InvalidValue
from training.systems import Batch


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all that train together."""

    rank: int = 0
    count: int = 1
    per_machine: int = 1

    @classmethod
    def of_environment(cls) -> "Processes":
        """What torch's launcher said; one process where there is none. Raises InvalidValue for nonsense."""
        named = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls()
        try:
            rank, count, per_machine = (int(os.environ[name]) for name in named)
        except (KeyError, ValueError) as error:
            raise InvalidValue(f"torch's launcher must set {', '.join(named)} to numbers.") from error
        return cls(rank, count, per_machine)

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes, prints and finishes the run."""
        return self.rank == 0

    @property
    def machines(self) -> int:
        """How many machines they run on."""
        return self.count // self.per_machine

    def check(self, batch_size: int) -> None:
        """Raise InvalidValue unless every process gets the same number of a batch's pictures."""
        if batch_size % self.count:
            raise InvalidValue(
                f"A batch of {batch_size} cannot be shared by {self.count} processes: set batch_size to a "
                f"multiple of {self.count}.",
                field="batch_size",
            )

    def share_of(self, batch: Batch) -> Batch:
        """Every n-th picture of the batch, from this process's own on."""
        if self.count == 1:
            return batch
        own = slice(self.rank, None, self.count)
        return Batch(batch.images[own], batch.labels[own], batch.targets[own])
