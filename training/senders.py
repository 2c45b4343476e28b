"""The photographs split by sender: train, calibration and validation, always the same ones.

Two photographs by one sender share a floor, a light and a wardrobe. What matters is how a model does on
senders it has never seen, so a sender lies in one part whole. No random generator is involved: senders are
placed one by one, the largest first, where their garments are wanted most.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from training.photographs import Photograph

SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {"train": 0.55, "calibration": 0.20, "validation": 0.25}
)
"""The share of each group's garments that a part should get."""

MAX_HELD_OUT_GARMENTS: Final = 50
"""Senders of more garments than this are trained on.

Held out, one of the four (84 to 140 garments) would be a third of its part, and the figure would tell how a
model does on that person's floor.
"""


@dataclass(frozen=True, slots=True)
class PhotographSplit:
    """Photographs in three parts that have no sender in common, and those apart that are in no part.

    What is fitted to a trained network (probabilities, sets, novelty) takes all senders that it never saw;
    variants of networks are compared on validation.

    `other` holds what is out of distribution, by any sender. It serves the report alone: nothing is trained,
    chosen or fitted on it.
    """

    train: tuple[Photograph, ...]
    calibration: tuple[Photograph, ...]
    validation: tuple[Photograph, ...]
    other: tuple[Photograph, ...]

    @property
    def held_out(self) -> tuple[Photograph, ...]:
        """Those by senders that no network was trained on."""
        return (*self.calibration, *self.validation)


def split_by_sender(photographs: Iterable[Photograph]) -> PhotographSplit:
    """Split photographs so that every part has each group's garments in about the shares of SHARES.

    The result depends on the labels and senders alone: not on paths, on a seed, or on the machine.
    """
    photographs = tuple(photographs)
    garments = [photograph for photograph in photographs if photograph.in_distribution]
    part_of = _place_senders(garments)
    parts = {
        part: tuple(photograph for photograph in garments if part_of[photograph.sender_id] == part)
        for part in SHARES
    }
    other = tuple(photograph for photograph in photographs if not photograph.in_distribution)
    return PhotographSplit(**parts, other=other)


def _place_senders(garments: Iterable[Photograph]) -> dict[int, str]:
    """Return the part of each sender."""
    by_sender: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for photograph in garments:
        by_sender[photograph.sender_id][photograph.label] += 1
    wanted = sum(by_sender.values(), Counter[str]())
    placed = {part: Counter[str]() for part in SHARES}
    part_of = {}
    for sender, counts in sorted(by_sender.items(), key=lambda item: (-item[1].total(), item[0])):
        if counts.total() > MAX_HELD_OUT_GARMENTS:
            part = "train"
        else:
            part = min(SHARES, key=lambda part: _cost(part, counts, placed[part], wanted))
        placed[part] += counts
        part_of[sender] = part
    return part_of


def _cost(part: str, counts: Counter[str], placed: Counter[str], wanted: Counter[str]) -> float:
    """How much fuller, squared and relative to its share, the part gets by this sender, over all groups.

    The square makes the last garments of a group dear and the first ones cheap, so that the parts fill
    evenly.
    """
    share = SHARES[part]
    return sum(
        ((placed[label] + count) ** 2 - placed[label] ** 2) / (share * wanted[label] ** 2)
        for label, count in counts.items()
    )
