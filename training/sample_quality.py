"""How generated pictures lie among real ones, in the embedding of a judge.

How far apart the two clouds are as Gaussians (Frechet distance, Heusel et al. 2017, arXiv:1706.08500), how
many generated pictures lie where real ones do (precision, density), and how many real ones are surrounded by
generated ones (recall, coverage): Kynkaanniemi et al. 2019, arXiv:1904.06991, with 3 neighbours, and Naeem et
al. 2020, arXiv:2002.09797, with 5.
"""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

PRECISION_NEIGHBOURS: Final = 3
DENSITY_NEIGHBOURS: Final = 5
# Rows of a matrix of distances held at once: 10,000 columns of them are 40 MB.
_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class SampleQuality:
    """How one set of pictures lies among real ones."""

    frechet_distance: float
    """In the units of the embedding: to be read beside a distance between real pictures."""
    precision: float
    recall: float
    density: float
    """May exceed 1 where samples crowd the middle of real pictures."""
    coverage: float

    def figures(self, prefix: str) -> dict[str, float]:
        """By name, each behind `prefix`."""
        return {f"{prefix}_{name}": value for name, value in asdict(self).items()}


def sample_quality(samples: Float32, real: Float32) -> SampleQuality:
    """Compare embeddings (count, size) with those of real pictures (count, size).

    The two counts should be equal: every figure but precision moves with them.
    """
    near = DENSITY_NEIGHBOURS
    real_radii, sample_radii = neighbour_radii(real, near), neighbour_radii(samples, PRECISION_NEIGHBOURS)
    inside_real = inside_counts(samples, real, real_radii[:, near - 1])
    inside_small = inside_counts(samples, real, real_radii[:, PRECISION_NEIGHBOURS - 1])
    inside_samples = inside_counts(real, samples, sample_radii[:, -1])
    return SampleQuality(
        frechet_distance=frechet_distance(samples, real),
        precision=float((inside_small > 0).mean()),
        recall=float((inside_samples > 0).mean()),
        density=float(inside_real.mean() / near),
        coverage=float((nearest_squares(real, samples) < real_radii[:, near - 1]).mean()),
    )


def frechet_distance(first: Float32, second: Float32) -> float:
    """Squared 2-Wasserstein distance between the Gaussians with the embeddings' means and covariances."""
    means = [part.astype(np.float64).mean(axis=0) for part in (first, second)]
    covariances = [np.cov(part.astype(np.float64), rowvar=False) for part in (first, second)]
    # The product has real eigenvalues, none negative but by rounding; the roots' sum is the root's trace.
    values = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    spread = np.trace(covariances[0] + covariances[1]) - 2 * np.sqrt(np.maximum(values, 0)).sum()
    return float(np.square(means[0] - means[1]).sum() + spread)


def neighbour_radii(points: Float32, neighbours: int) -> Float32:
    """Squared distances (count, neighbours) of every point to its nearest others, nearest first."""
    radii = []
    for start in range(0, len(points), _ROWS):
        squares = _squares(points[start : start + _ROWS], points)
        rows = np.arange(len(squares))
        squares[rows, start + rows] = np.inf  # a point is no neighbour of its own
        radii.append(np.sort(np.partition(squares, neighbours - 1, axis=1)[:, :neighbours], axis=1))
    return np.concatenate(radii)


def inside_counts(points: Float32, centres: Float32, radii: Float32) -> NDArray[np.int64]:
    """In how many balls about `centres`, of squared radii (count,), each point lies, (points,)."""
    parts = (points[start : start + _ROWS] for start in range(0, len(points), _ROWS))
    return np.concatenate([(_squares(part, centres) < radii).sum(axis=1) for part in parts])


def nearest_squares(points: Float32, others: Float32) -> Float32:
    """The squared distance of every point (count, size) to the nearest of the others, (count,)."""
    parts = (points[start : start + _ROWS] for start in range(0, len(points), _ROWS))
    return np.concatenate([_squares(part, others).min(axis=1) for part in parts])


def _squares(first: Float32, second: Float32) -> Float32:
    """Squared distances (first, second)."""
    lengths = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2 * first @ second.T, 0), dtype=np.float32)
