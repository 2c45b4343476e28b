"""What latents tell of labels that their encoder never saw: clusters without labels, and a linear probe."""

from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.autoencoder import Autoencoder
from training.clustering import METHODS, Clustering, cluster, cluster_by_nats
from training.dataset import Dataset
from training.vectors import latents_of

NUM_FITTED: Final = 20_000
"""Training pictures that clusters and probe are fitted to: more change neither by half a point."""


def latent_figures(
    autoencoder: Autoencoder, training: Dataset, judged: Dataset, *, seed: int = 0
) -> dict[str, float]:
    """Fitted to posterior means of training pictures, measured on those of others.

    A variational model's k-means weighs dimensions by their nats; `plain_k_means_…` does not.
    """
    fitted = training.select(np.arange(min(NUM_FITTED, len(training))))
    with threadpool_limits(limits=1):
        (plain,) = cluster(autoencoder, fitted, judged, seed=seed, methods=METHODS[:1])
        figures = {"linear_probe_accuracy": linear_probe(autoencoder, fitted, judged)}
        if not autoencoder.artifact.manifest.variational:
            return figures | _figures("k_means", plain)
        weighed = cluster_by_nats(autoencoder, fitted, judged, seed=seed)
    return figures | _figures("k_means", weighed) | _figures("plain_k_means", plain)


def linear_probe(autoencoder: Autoencoder, fitted: Dataset, judged: Dataset) -> float:
    """Share of pictures whose label a logistic regression reads off the posterior mean."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    probe.fit(latents_of(autoencoder, fitted.images), fitted.labels)
    predicted = probe.predict(latents_of(autoencoder, judged.images))
    return float(np.mean(predicted == judged.labels))


def _figures(prefix: str, found: Clustering) -> dict[str, float]:
    return {
        f"{prefix}_accuracy": found.accuracy,
        f"{prefix}_normalized_mutual_information": found.normalized_mutual_information,
    }
