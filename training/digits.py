"""Handwritten digits: what is far from any garment, to measure how well novelty is told.

They serve the report alone: no threshold is fitted on them. The folder holds test digits of MNIST as 28x28
PNG files, `<digit>/<name>.png`.
"""

from dataclasses import dataclass
from pathlib import Path

from fashion.errors import DatasetError
from training.locations import DIGITS_SETTING, configured_folder

NUM_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Digit:
    """A picture file of one handwritten digit."""

    path: Path
    digit: int


def load_digits(folder: Path | None = None) -> tuple[Digit, ...]:
    """List the digits in `folder`, else in FASHION_DIGITS_DIR, ordered by digit and name.

    Raises:
        DatasetError: no folder is named, or one of its ten folders is missing or holds no PNG file.
    """
    named = configured_folder(folder, DIGITS_SETTING)
    if named is None:
        raise DatasetError(f"Expected a folder of handwritten digits, came none. {_LAYOUT}")
    digits = tuple(
        Digit(path, digit)
        for digit in range(NUM_DIGITS)
        for path in sorted((named / str(digit)).glob("*.png"))
    )
    absent = sorted(set(range(NUM_DIGITS)) - {digit.digit for digit in digits})
    if absent:
        names = ", ".join(str(digit) for digit in absent)
        raise DatasetError(f"Expected PNG files of ten digits in {named}, came none of {names}. {_LAYOUT}")
    return digits


_LAYOUT = (
    f"Write test digits of MNIST as 28x28 PNG files into folders 0 to 9, and set {DIGITS_SETTING} to the "
    f"folder that holds these ten."
)
