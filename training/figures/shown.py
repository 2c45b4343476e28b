"""Which pictures the figures show: the test split, as the report does, and nothing is chosen from them."""

from pathlib import Path
from typing import Final

from training.dataset import Dataset, load_test

WHAT: Final = "test pictures"


def pictures_to_show(data: Path | None = None) -> Dataset:
    """The 10,000 test pictures; raises DatasetError as the loader does."""
    return load_test(data)
