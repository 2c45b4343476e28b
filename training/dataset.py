"""Fashion-MNIST in memory: its four files, where they are found, and the proof that train and test are apart.

The test split has its own loader. Only the report may call it: every choice, checkpoint and threshold comes
from the 60,000 training pictures (`splits.py`). A test reads the source of `training/` to keep it that way.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from fashion.errors import DatasetError
from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.download import download
from training.idx import IdxFile, read_idx
from training.locations import FASHION_MNIST_SETTING, cache_folder, configured_folder

_NUM_TRAINING, _NUM_TEST = 60_000, 10_000

TRAINING_IMAGES: Final = IdxFile(
    "train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d", (_NUM_TRAINING, SIDE, SIDE)
)
TRAINING_LABELS: Final = IdxFile(
    "train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe", (_NUM_TRAINING,)
)
TEST_IMAGES: Final = IdxFile(
    "t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79", (_NUM_TEST, SIDE, SIDE)
)
TEST_LABELS: Final = IdxFile(
    "t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310", (_NUM_TEST,)
)
FILES: Final = (TRAINING_IMAGES, TRAINING_LABELS, TEST_IMAGES, TEST_LABELS)
"""The release of 31 August 2017, with the MD5 sums of the dataset's own README."""

CHECKSUMS: Final = {file.name: file.md5 for file in FILES}
"""MD5 by file name, as manifests record what a model was trained on."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures and their labels, in one order.

    images: UInt8 (count, 28, 28), light garment on black.
    labels: Int64 (count,), class indices in the order of `fashion.labels.LABELS`.

    Raises DatasetError where the two do not fit together.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.shape[1:] != (SIDE, SIDE):
            raise DatasetError(
                f"Expected images as uint8 (count, {SIDE}, {SIDE}), came "
                f"{self.images.dtype} {self.images.shape}."
            )
        if self.labels.dtype != np.int64 or self.labels.shape != (len(self.images),):
            raise DatasetError(
                f"Expected one int64 label for each of {len(self.images):,} images, came {self.labels.dtype} "
                f"{self.labels.shape}."
            )
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < NUM_LABELS:
            raise DatasetError(
                f"Expected labels from 0 to {NUM_LABELS - 1}, came {self.labels.min()} to "
                f"{self.labels.max()}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def select(self, indices: NDArray[np.int64]) -> "Dataset":
        """Return a copy of the rows at `indices`, in that order."""
        return Dataset(self.images[indices], self.labels[indices])


def find_dataset(data: Path | None = None, *, console: Console | None = None) -> Path:
    """Return the folder with the four files: `data`, else FASHION_MNIST_DIR, else the cache, filled first.

    A folder that was named is taken as it is, and its files are checked when they are read. The download
    shows its progress on `console` (default: standard error).

    Raises:
        DownloadError: no folder was named and no address delivered the files.
    """
    named = configured_folder(data, FASHION_MNIST_SETTING)
    if named is not None:
        return named
    cache = cache_folder()
    download(FILES, cache, console=console)
    return cache


def load_training(data: Path | None = None) -> Dataset:
    """Load the 60,000 training pictures, for `splits.split` to cut.

    Raises:
        DatasetError: a file is missing or not the published one, or could not be downloaded.
    """
    return _load(find_dataset(data), TRAINING_IMAGES, TRAINING_LABELS)


def load_test(data: Path | None = None) -> Dataset:
    """Load the 10,000 test pictures, for the report and for nothing else; raises as `load_training` does."""
    return _load(find_dataset(data), TEST_IMAGES, TEST_LABELS)


def _load(folder: Path, images: IdxFile, labels: IdxFile) -> Dataset:
    return Dataset(read_idx(folder, images), read_idx(folder, labels).astype(np.int64))


def shared_pictures(first: Dataset, second: Dataset) -> list[tuple[int, int]]:
    """Return the pairs (index in first, index in second) of pictures that are equal byte for byte.

    The labels do not matter: a picture that is in both is a leak, whatever it is called.
    """
    rows: dict[bytes, list[int]] = {}
    for index, image in enumerate(first.images):
        rows.setdefault(image.tobytes(), []).append(index)
    return [
        (twin, index) for index, image in enumerate(second.images) for twin in rows.get(image.tobytes(), ())
    ]


def check_disjoint(first: Dataset, second: Dataset) -> None:
    """Prove that no picture is in both.

    Raises:
        DatasetError: some are; tells how many and names the first pair.
    """
    shared = shared_pictures(first, second)
    if shared:
        raise DatasetError(
            f"Expected two sets of pictures with none in common, came {len(shared):,} equal pairs, the "
            f"first of index {shared[0][0]} in the one and {shared[0][1]} in the other. Figures measured on "
            f"such data mean nothing: use the release of 31 August 2017."
        )
