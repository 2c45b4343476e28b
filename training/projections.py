"""From many dimensions to two or three: principal components, t-SNE, and axes between pairs of labels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from fashion.errors import InvalidValue
from fashion.labels import LABELS

Float32 = NDArray[np.float32]

CUSTOM_AXES: Final = (("Sneaker", "Ankle boot"), ("Coat", "Bag"))
"""From left to right, and from below to above, as the text lays them."""
_COMPONENTS_FOR_TSNE: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Points (count, 2 or 3) with the meaning of their axes."""

    name: str
    points: Float32
    title: str
    axis_names: tuple[str, ...]


def projections_of(
    vectors: Float32, labels: NDArray[np.int64], what: str, *, seed: int = 0
) -> list[Projection]:
    """All of them, for vectors (count, size)."""
    return [
        principal_components(vectors, what),
        neighbours(vectors, what, seed=seed),
        custom_axes(vectors, labels, what),
    ]


def principal_components(vectors: Float32, what: str) -> Projection:
    """The directions in which the vectors vary most, three of them where there are as many."""
    size = min(3, *vectors.shape)
    fit = PCA(size, svd_solver="full" if min(vectors.shape) <= 128 else "randomized", random_state=0)
    points = np.asarray(fit.fit_transform(vectors), dtype=np.float32)
    shares = [
        f"component {number} ({share:.0%})" for number, share in enumerate(fit.explained_variance_ratio_, 1)
    ]
    return Projection("pca", points, f"Principal components of the {what}", tuple(shares))


def neighbours(vectors: Float32, what: str, *, seed: int = 0) -> Projection:
    """t-SNE (van der Maaten and Hinton 2008) to the plane, of the first 50 principal components."""
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    if perplexity < 1:
        raise InvalidValue(f"t-SNE needs 4 pictures or more, not {len(vectors)}.", field="--count")
    size = min(_COMPONENTS_FOR_TSNE, *vectors.shape)
    reduced = PCA(size, random_state=0).fit_transform(vectors) if size < vectors.shape[1] else vectors
    fit = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    points = np.asarray(fit.fit_transform(reduced), dtype=np.float32)
    axes = ("first t-SNE axis", "second t-SNE axis")
    return Projection("t-sne", points, f"t-SNE of the {what}, perplexity {perplexity:.0f}", axes)


def custom_axes(vectors: Float32, labels: NDArray[np.int64], what: str) -> Projection:
    """Along lines between the means of two labels: -1 at the one, 1 at the other."""
    means = {
        name: vectors[labels == LABELS.index(name)].mean(axis=0) for pair in CUSTOM_AXES for name in pair
    }
    columns = []
    for low, high in CUSTOM_AXES:
        direction = means[high] - means[low]
        centre = (means[high] + means[low]) / 2
        columns.append((vectors - centre) @ direction / max(float(direction @ direction), 1e-12) * 2)
    names = tuple(f"{low} (-1) to {high} (1)" for low, high in CUSTOM_AXES)
    title = f"{' and '.join(f'{low} against {high}' for low, high in CUSTOM_AXES)}, in the {what}"
    return Projection("custom-axes", np.stack(columns, axis=1).astype(np.float32), title, names)
