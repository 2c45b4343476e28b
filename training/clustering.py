"""Clusters in the latent space, found without labels and held against them afterwards.

Clusters are fitted to the latents of training pictures and measured on others. Accuracy is that of the best
matching of clusters to labels (Hungarian method); NMI and the adjusted Rand index need none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

from fashion.autoencoder import Autoencoder
from fashion.labels import LABELS, NUM_LABELS
from training.dataset import Dataset
from training.figures.style import captioned_sheet, new_figure, titled
from training.metrics import confusion
from training.posteriors import posteriors_of
from training.vectors import latents_of

Float32 = NDArray[np.float32]

METHODS: Final = ("k-means", "Gaussian mixture")


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """How one method's clusters agree with the labels."""

    method: str
    accuracy: float
    normalized_mutual_information: float
    adjusted_rand_index: float
    centres: Float32
    """(clusters, latent)."""
    matched: tuple[int, ...]
    """The label that each cluster was matched with."""
    purities: tuple[float, ...]
    """The share of that label in each cluster."""


def cluster(
    autoencoder: Autoencoder,
    training: Dataset,
    held_out: Dataset,
    *,
    seed: int = 0,
    methods: Sequence[str] = METHODS,
) -> list[Clustering]:
    """Fit ten clusters by each method to training latents, and measure them on held-out pictures."""
    fitted = latents_of(autoencoder, training.images)
    judged = latents_of(autoencoder, held_out.images)
    return [agreement(method, *_fit(method, fitted, judged, seed), held_out.labels) for method in methods]


def cluster_by_nats(
    autoencoder: Autoencoder, training: Dataset, held_out: Dataset, *, seed: int = 0
) -> Clustering:
    """The same by k-means alone, with dimensions that count by the nats that they carry.

    By itself k-means takes a dimension for as important as it is wide. What one says of a picture is measured
    without a label, by the divergence of its posteriors from N(0, 1).
    """
    posteriors = posteriors_of(autoencoder, training.images)
    weights = np.sqrt(posteriors.dimension_nats()).astype(np.float32)
    judged = weights * latents_of(autoencoder, held_out.images)
    assigned, centres = _fit(METHODS[0], weights * posteriors.mean, judged, seed)
    return agreement(f"{METHODS[0]} by nats", assigned, centres, held_out.labels)


def agreement(
    method: str, assigned: NDArray[np.int64], centres: Float32, labels: NDArray[np.int64]
) -> Clustering:
    """Hold assignments (count,) to ten clusters against labels (count,)."""
    matched = best_matching(labels, assigned)
    counts = confusion(labels, assigned, NUM_LABELS)
    sizes = np.maximum(counts.sum(axis=0), 1)
    return Clustering(
        method,
        float((np.array(matched)[assigned] == labels).mean()),
        float(normalized_mutual_info_score(labels, assigned)),
        float(adjusted_rand_score(labels, assigned)),
        centres,
        matched,
        tuple(float(counts[label, index] / sizes[index]) for index, label in enumerate(matched)),
    )


def best_matching(labels: NDArray[np.int64], assigned: NDArray[np.int64]) -> tuple[int, ...]:
    """For every cluster a label of its own, so that as many pictures as possible agree."""
    counts = confusion(labels, assigned, NUM_LABELS)
    rows, columns = linear_sum_assignment(-counts)
    label_of = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    return tuple(label_of[index] for index in range(NUM_LABELS))


def centres_figure(autoencoder: Autoencoder, found: Sequence[Clustering]) -> Figure:
    """Every cluster's centre decoded, a row a method, with the label that it was matched with."""
    figure = new_figure(11, 2.1 * len(found) + 0.6)
    for axes, clustering in zip(figure.subplots(len(found), 1, squeeze=False)[:, 0], found, strict=True):
        captions = [
            f"{LABELS[label]}\n{purity:.0%} of it"
            for label, purity in zip(clustering.matched, clustering.purities, strict=True)
        ]
        captioned_sheet(axes, autoencoder.decode(clustering.centres), captions, NUM_LABELS, lines=2)
        said = f"accuracy {clustering.accuracy:.1%}, NMI {clustering.normalized_mutual_information:.3f}"
        axes.set_title(f"{clustering.method}: {said}, adjusted Rand {clustering.adjusted_rand_index:.3f}")
    return titled(figure, "Centres of ten clusters found without labels, decoded")


def _fit(method: str, fitted: Float32, judged: Float32, seed: int) -> tuple[NDArray[np.int64], Float32]:
    build: Callable[..., Any] = KMeans if method == METHODS[0] else GaussianMixture
    model = build(NUM_LABELS, n_init=10 if method == METHODS[0] else 3, random_state=seed).fit(fitted)
    centres = model.cluster_centers_ if method == METHODS[0] else model.means_
    return np.asarray(model.predict(judged), dtype=np.int64), np.asarray(centres, dtype=np.float32)
