"""Pictures that a tiny network learns in a second: each label is a texture of its own, stripes in noise."""

import numpy as np

from fashion.inputs import SIDE
from fashion.labels import NUM_LABELS
from training.dataset import Dataset
from training.splits import Split, SplitSizes, split

TINY = ("width=2", "doublings=1", "batch_size=32", "label_smoothing=0")
"""Settings that make a classifier recipe small."""


def stripes(count: int, seed: int = 0) -> Dataset:
    """`count` pictures, the labels in turn: five distances between stripes, across and down."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % NUM_LABELS
    images = random.integers(0, 60, (count, SIDE, SIDE))
    phases = random.integers(0, SIDE, count)
    bright = (np.arange(SIDE)[None, :] + phases[:, None]) % (2 + labels // 2)[:, None] == 0
    across = (labels % 2 == 0)[:, None, None]
    images += 180 * np.where(across, bright[:, :, None], bright[:, None, :])
    return Dataset(images.astype(np.uint8), labels.astype(np.int64))


def tiny_split(train: int = 320, calibration: int = 300, validation: int = 100) -> Split:
    """Three parts of such pictures."""
    return split(stripes(train + calibration + validation), SplitSizes(train, calibration, validation))
