"""Photographs in memory, and what a run shows of them: simulated ones first, then real ones among simulated.

Like `batches.py` for network inputs: every batch is a pure function of (seed, epoch, step). A thousand
photographs make too short a pass to be called an epoch, and a few senders took most of them, so photographs
are drawn with replacement: rarer groups and senders of few photographs more often than their number.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from fashion.decoding import Picture, decode
from fashion.labels import LABELS, NUM_LABELS
from fashion.preparation import WORKING_SIDE, colour, letterbox
from training.batches import EVALUATION_BATCH, derived_seed
from training.dataset import Dataset
from training.optimisation import Optimisation
from training.photograph_augmentation import (
    Draws,
    PhotographAugmentation,
    PhotographPixels,
    augmented_view,
    mixed,
)
from training.photographs import FOOTWEAR, Photograph
from training.ranges import Count, NotNegative, Share
from training.simulated_photographs import Simulator, silhouettes
from training.systems import Batch

FOOTWEAR_ANSWER: Final = NUM_LABELS
"""What a photograph of footwear is labelled, after the ten labels: any of three is right."""
NUM_ANSWERS: Final = NUM_LABELS + 1

# Pixels kept for augmentation, as a multiple of the view's side: what is zoomed into stays sharp.
_KEPT_DETAIL = 1.35
# Width over height of the kept pixels, near to what phones take; the true aspect is kept beside them.
_KEPT_ASPECT = 0.8


@dataclass(frozen=True, slots=True)
class PhotographCourse:
    """What a run on photographs shows: how much of it is simulated, and how pictures are changed."""

    pictures_per_epoch: Count = 6_400
    pretraining: Share = 0.4
    """Share of the run, from its start, that shows simulated photographs alone."""
    simulated: Share = 0.3
    """Share of every batch that is simulated after that."""
    group_balance: NotNegative = 0.5
    """Groups are shown as often as their number to the power of one less this; 1: all equally often."""
    balanced_end: Share = 0.25
    """Share of the run, at its end, in which all groups are shown equally often: what was learned of rare
    groups from uneven numbers stays, and the leaning to frequent ones goes (arXiv:1906.07413)."""
    sender_damping: NotNegative = 0.25
    """A sender's photographs are each shown less often by their number to this power."""
    mixup: Share = 0.25
    """Probability that a batch is mixed in pairs (arXiv:1710.09412)."""
    cutmix: Share = 0.25
    """Probability that rectangles are pasted between a batch's pictures (arXiv:1905.04899)."""
    changes: PhotographAugmentation = field(default_factory=PhotographAugmentation)

    def simulated_at(self, progress: float) -> float:
        """The share of simulated photographs in a batch, `progress` being the share of the run done."""
        return 1.0 if progress < self.pretraining else self.simulated

    def group_balance_at(self, progress: float) -> float:
        """How evenly groups are shown, see `group_balance`."""
        return self.group_balance if progress < 1 - self.balanced_end else 1.0


@dataclass(frozen=True, slots=True)
class Views:
    """Photographs as the service shows them to the network."""

    views: Tensor
    """UInt8 (count, side, side, 3)."""
    answers: Tensor
    """Int64 (count,): a class index, or FOOTWEAR_ANSWER."""

    @classmethod
    def of(cls, photographs: Sequence[Photograph], side: int) -> "Views":
        """Decode and letterbox photographs of garments exactly as the service does."""
        views = [letterbox(_decoded(photograph, side), side) for photograph in photographs]
        return cls(torch.from_numpy(np.stack(views)), _answers(photographs))

    def __len__(self) -> int:
        return len(self.answers)

    def to(self, device: torch.device) -> "Views":
        """The same views on a device."""
        return Views(self.views.to(device), self.answers.to(device))

    def head(self, count: int) -> "Views":
        """The first `count` of them, or all if there are fewer."""
        return Views(self.views[:count], self.answers[:count])

    def in_order(self, batch_size: int = EVALUATION_BATCH) -> Iterator[Batch]:
        """All of them once, in order and unchanged."""
        for start in range(0, len(self), batch_size):
            answers = self.answers[start : start + batch_size]
            views = self.views[start : start + batch_size].permute(0, 3, 1, 2)
            yield Batch(views.float() / 255, answers, functional.one_hot(answers, NUM_ANSWERS).float())


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPhotographs:
    """Photographs to train on, and what simulated ones are made of."""

    plain: Views
    pixels: PhotographPixels
    photographs: tuple[Photograph, ...]
    simulator: Simulator

    @classmethod
    def of(cls, photographs: Sequence[Photograph], dataset: Dataset, side: int) -> "TrainingPhotographs":
        """Read the photographs, and cut out the dataset's garments."""
        pixels = _read_pixels(photographs, side)
        images = torch.tensor(dataset.images)
        simulator = Simulator(
            images, silhouettes(images), torch.tensor(dataset.labels), pixels.corners(), side
        )
        return cls(Views.of(photographs, side), pixels, tuple(photographs), simulator)

    def __len__(self) -> int:
        return len(self.photographs)

    def to(self, device: torch.device) -> "TrainingPhotographs":
        """The same on a device."""
        return replace(
            self,
            plain=self.plain.to(device),
            pixels=self.pixels.to(device),
            simulator=self.simulator.to(device),
        )

    def head(self, count: int) -> "TrainingPhotographs":
        """The first `count` photographs; those that are simulated stay the same."""
        first = torch.arange(min(count, len(self)))
        return replace(
            self,
            plain=self.plain.head(count),
            pixels=self.pixels.select(first),
            photographs=self.photographs[:count],
        )

    def in_order(self, batch_size: int = EVALUATION_BATCH) -> Iterator[Batch]:
        """All real photographs once, in order and unchanged."""
        return self.plain.in_order(batch_size)

    def epoch(
        self, augmentation: PhotographCourse, optimisation: Optimisation, seed: int, number: int
    ) -> "PhotographEpoch":
        """The batches of one epoch, counted from 0."""
        return PhotographEpoch(self, augmentation, optimisation, seed, number)

    def chances(self, course: PhotographCourse, progress: float) -> Tensor:
        """How often each photograph is shown at that share of the run, in proportion: (count,)."""
        balance = course.group_balance_at(progress)
        groups = Counter(photograph.label for photograph in self.photographs)
        senders = Counter(photograph.sender_id for photograph in self.photographs)
        return torch.tensor(
            [
                groups[photograph.label] ** -balance * senders[photograph.sender_id] ** -course.sender_damping
                for photograph in self.photographs
            ]
        )


@dataclass(frozen=True, slots=True)
class PhotographEpoch:
    """The batches of one epoch."""

    material: TrainingPhotographs
    course: PhotographCourse
    optimisation: Optimisation
    seed: int
    number: int

    def __len__(self) -> int:
        return max(1, self.course.pictures_per_epoch // self.optimisation.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        generator = torch.Generator(self.material.plain.answers.device)
        chances = self.material.chances(self.course, self._progress(0)).to(generator.device)
        for step in range(len(self)):
            generator.manual_seed(derived_seed(self.seed, self.number, step))
            simulated = self.course.simulated_at(self._progress(step))
            yield self._batch(round(simulated * self.optimisation.batch_size), chances, generator)

    def _progress(self, step: int) -> float:
        """The share of the run done at a step of this epoch."""
        return (self.number + step / len(self)) / self.optimisation.epochs

    def _batch(self, num_simulated: int, chances: Tensor, generator: torch.Generator) -> Batch:
        num_real = self.optimisation.batch_size - num_simulated
        shown = []
        if num_simulated:
            shown.append(self.material.simulator.draw(num_simulated, generator))
        if num_real:
            shown.append(self._real(num_real, chances, generator))
        views, answers = (torch.cat(parts) for parts in zip(*shown, strict=True))
        targets = functional.one_hot(answers, NUM_ANSWERS).float()
        if num_real:  # simulated photographs are never the same twice: mixing them teaches nothing more
            draws = Draws(len(views), generator)
            views, targets = mixed(views, targets, self.course.mixup, self.course.cutmix, draws)
        views = views.contiguous(memory_format=torch.channels_last)
        return Batch(views, targets.argmax(dim=1), targets)

    def _real(self, count: int, chances: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Photographs drawn and changed at random, and their answers."""
        chosen = torch.multinomial(chances, count, replacement=True, generator=generator)
        pixels, simulator = self.material.pixels.select(chosen), self.material.simulator
        views = augmented_view(pixels, simulator.backgrounds, simulator.side, self.course.changes, generator)
        return views, self.material.plain.answers[chosen]


def _decoded(photograph: Photograph, side: int) -> Picture:
    return decode(photograph.path.read_bytes(), target_side=max(WORKING_SIDE, side))


def _read_pixels(photographs: Sequence[Photograph], side: int) -> PhotographPixels:
    height = round(_KEPT_DETAIL * side)
    size = (round(_KEPT_ASPECT * height), height)
    squashed, aspects = [], []
    for photograph in photographs:
        pixels = colour(_decoded(photograph, height).pixels)
        image = Image.fromarray(np.ascontiguousarray(pixels))
        squashed.append(np.asarray(image.resize(size, Image.Resampling.BILINEAR)))
        aspects.append(image.width / image.height)
    kept = torch.from_numpy(np.stack(squashed)).permute(0, 3, 1, 2).contiguous()
    return PhotographPixels(kept, torch.tensor(aspects))


def _answers(photographs: Sequence[Photograph]) -> Tensor:
    return torch.tensor(
        [
            FOOTWEAR_ANSWER if photograph.label == FOOTWEAR else LABELS.index(photograph.label)
            for photograph in photographs
        ]
    )
