"""Real photographs of garments: which files, what is on them, who sent them, and which answers are right.

`photographs.csv` beside this module selects 1,495 pictures of the public Clothing dataset and gives each its
Fashion-MNIST label, so that whoever downloads that dataset trains and measures on the very same pictures. Its
paths are those inside the dataset's repository.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fashion.errors import DatasetError
from fashion.labels import LABELS
from training.locations import PHOTOGRAPHS_ADDRESS, PHOTOGRAPHS_SETTING, configured_folder

FOOTWEAR: Final = "footwear"
"""The source says "Shoes" and no more."""

OTHER: Final = "other"
"""Hats, shorts and skirts: garments without a Fashion-MNIST label, so near out of distribution."""


def _class_indices(*labels: str) -> frozenset[int]:
    return frozenset(LABELS.index(label) for label in labels)


ACCEPTABLE_CLASSES: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    {name: _class_indices(name) for name in ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt")}
    | {FOOTWEAR: _class_indices("Sandal", "Sneaker", "Ankle boot"), OTHER: frozenset()}
)
"""For each label of a photograph the class indices that are right. Nothing is right for `other`."""

GROUPS: Final = tuple(label for label, right in ACCEPTABLE_CLASSES.items() if right)
"""The seven groups over which accuracy on photographs is averaged: six labels and footwear."""

LABELS_FILE: Final = Path(__file__).with_name("photographs.csv")
"""Which photographs there are: file, label, the source's label, sender."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph: `label` is a key of ACCEPTABLE_CLASSES, `source_label` what the source calls it."""

    path: Path
    label: str
    source_label: str
    sender_id: int

    @property
    def acceptable_classes(self) -> frozenset[int]:
        """The class indices that count as right; none for a picture out of distribution."""
        return ACCEPTABLE_CLASSES[self.label]

    @property
    def in_distribution(self) -> bool:
        """Whether the garment is of one of the ten labels."""
        return bool(self.acceptable_classes)


def load_photographs(folder: Path | None = None) -> tuple[Photograph, ...]:
    """List the photographs in `folder`, else in FASHION_PHOTOS_DIR, in the order of the labels file.

    `folder` is a clone of the Clothing dataset, or any folder with the listed files under `images/`.

    Raises:
        DatasetError: no folder is named, or listed files are missing in it.
    """
    named = configured_folder(folder, PHOTOGRAPHS_SETTING)
    if named is None:
        raise DatasetError(f"Expected a folder of photographs, came none. {_WHERE_TO_GET_THEM}")
    with LABELS_FILE.open(newline="", encoding="utf-8") as rows:
        photographs = tuple(
            Photograph(named / row["file"], row["label"], row["source_label"], int(row["sender_id"]))
            for row in csv.DictReader(rows)
        )
    missing = [photograph.path for photograph in photographs if not photograph.path.is_file()]
    if missing:
        raise DatasetError(
            f"Expected {len(photographs):,} photographs in {named}, came all but {len(missing):,}; the first "
            f"that is missing is {missing[0]}. {_WHERE_TO_GET_THEM}"
        )
    return photographs


_WHERE_TO_GET_THEM = (
    f"Clone the Clothing dataset of A. Grigorev (CC0) from {PHOTOGRAPHS_ADDRESS} and set "
    f"{PHOTOGRAPHS_SETTING} to the clone."
)
