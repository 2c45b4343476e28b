"""Which pixels of a photograph are the garment: a probability each, from colours alone, in a few ms.

Two colour histograms, of the garment and of what lies around it, start from the guess that people put
a garment in the middle. They are refined in turns with the pixels' own probabilities, where neighbours
of like colour pull each other to one side: GrabCut's idea (Rother, Kolmogorov and Blake, 2004,
doi 10.1145/1015706.1015720) with histograms for its mixtures and mean-field sweeps for its graph cuts.
docs/preparation.md tells how the numbers below were chosen.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fashion.pixels import UInt8

Float32: TypeAlias = NDArray[np.float32]

_SWEEPS: Final = (2, 2, 2, 6)  # over the neighbours, in every round of histograms and probabilities
_NUM_BINS: Final = 8  # a colour axis: coarse, because a garment of 500 pixels cannot fill more
_NEIGHBOUR_PULL: Final = 0.8
_CHROMA_WEIGHT: Final = 1.4  # colour tells a garment from its shadow, brightness does not
_MIN_CONTRAST: Final = 2.0  # standard deviation in grey levels; below it the picture is a blank

# Smooths a histogram along one axis; where it ends, the weight that falls outside is dropped.
_SMOOTHING: Final = (2 * np.eye(_NUM_BINS) + np.eye(_NUM_BINS, k=1) + np.eye(_NUM_BINS, k=-1)) / 4

# Half of the 8 neighbours, as rows down, columns right and weight; the other half follows by symmetry.
_NEIGHBOURS: Final = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.7), (1, -1, 0.7))


def find_foreground(pixels: UInt8) -> Float32 | None:
    """Give each pixel of (height, width, 3) its probability to belong to the garment, as (height, width).

    Both sides must have 2 pixels at least; 40 to 80 on the longer one are enough. None where nothing
    stands out.
    """
    colours = _opponent_colours(pixels)
    if float(colours.std(axis=(1, 2)).max()) < _MIN_CONTRAST:
        return None
    bins = _bin_numbers(colours)
    pulls = _neighbour_pulls(colours)
    foreground = _central_guess(*bins.shape)
    for num_sweeps in _SWEEPS:
        evidence = _evidence(bins, foreground)
        balance: Float32 = np.tanh(evidence / 2)  # -1 background … 1 foreground
        for _ in range(num_sweeps):
            balance = np.tanh((evidence + _pulled(balance, pulls)) / 2)
        foreground = (balance + np.float32(1)) / np.float32(2)
    return foreground if (foreground > 0.5).any() else None


def _opponent_colours(pixels: UInt8) -> Float32:
    """Turn RGB (height, width, 3) to brightness, redness, yellowness (3, height, width), about 256 wide."""
    red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
    return np.stack(
        (
            (red + green + blue) / 3 - 128,
            (red - green) * (_CHROMA_WEIGHT / 2**0.5),
            (red + green - 2 * blue) * (_CHROMA_WEIGHT / 6**0.5),
        )
    )


def _bin_numbers(colours: Float32) -> NDArray[np.intp]:
    """Number each pixel's histogram bin, (height, width) of 0 to _NUM_BINS**3 - 1."""
    cells = np.clip((colours + 128) * (_NUM_BINS / 256), 0, _NUM_BINS - 1).astype(np.intp)
    numbers: NDArray[np.intp] = (cells[0] * _NUM_BINS + cells[1]) * _NUM_BINS + cells[2]
    return numbers


def _central_guess(height: int, width: int) -> Float32:
    """Guess the foreground from the place alone: high in the middle, low at the edges, (height, width)."""
    rows = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, None]
    columns = np.abs(np.linspace(-1, 1, width, dtype=np.float32))[None, :]
    distance = (np.maximum(rows, columns) + np.hypot(rows, columns)) / 2  # between a box and an ellipse
    return np.clip(1 / (1 + np.exp((distance - 0.65) / 0.12)), 0.02, 0.8)


def _evidence(bins: NDArray[np.intp], foreground: Float32) -> Float32:
    """Log odds of foreground for each pixel's colour, (height, width), by the histograms of both sides."""
    inside = _histogram(bins, foreground)
    outside = _histogram(bins, 1 - foreground)
    log_odds = np.clip(np.log((inside + 1e-4) / (outside + 1e-4)), -6, 6)
    return log_odds.astype(np.float32)[bins]


def _histogram(bins: NDArray[np.intp], weights: Float32) -> NDArray[np.float64]:
    """Share of each colour bin in the weights, (_NUM_BINS**3,), smoothed along the three colour axes."""
    counts = np.bincount(bins.ravel(), weights.ravel(), _NUM_BINS**3).reshape((_NUM_BINS,) * 3)
    smoothed = (_SMOOTHING @ counts.reshape(_NUM_BINS, -1)).reshape(counts.shape)
    smoothed = _SMOOTHING @ smoothed @ _SMOOTHING
    shares: NDArray[np.float64] = (smoothed / smoothed.sum()).ravel()
    return shares


def _neighbour_pulls(colours: Float32) -> list[Float32]:
    """How strongly each pixel and its neighbour belong together, one array for each of `_NEIGHBOURS`."""
    steps = [
        np.square(np.subtract(*_pairs(colours, down, right))).sum(axis=0) for down, right, _ in _NEIGHBOURS
    ]
    typical = max(2 * float(np.mean([step.mean() for step in steps])), 20.0)
    return [
        np.exp(-step / typical) * np.float32(weight * _NEIGHBOUR_PULL)
        for step, (_, _, weight) in zip(steps, _NEIGHBOURS, strict=True)
    ]


def _pulled(balance: Float32, pulls: list[Float32]) -> Float32:
    """Sum what the neighbours' balances add to each pixel's evidence, (height, width)."""
    total = np.zeros_like(balance)
    for pull, (down, right, _) in zip(pulls, _NEIGHBOURS, strict=True):
        here, there = _pairs(balance, down, right)
        total_here, total_there = _pairs(total, down, right)
        total_here += pull * there
        total_there += pull * here
    return total


def _pairs(values: Float32, down: int, right: int) -> tuple[Float32, Float32]:
    """View each value of (…, height, width) and its neighbour that far away, as two arrays of a size."""
    height, width = values.shape[-2:]
    here = values[..., : height - down, max(-right, 0) : width - max(right, 0)]
    there = values[..., down:, max(right, 0) : width + min(right, 0)]
    return here, there
