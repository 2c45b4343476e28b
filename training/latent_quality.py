"""What latents tell of labels that their encoder never saw: clusters without labels, and a linear probe."""

from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.autoencoder import Autoencoder
from training.clustering import METHODS, cluster
from training.dataset import Dataset
from training.vectors import latents_of

NUM_FITTED: Final = 20_000
"""Training pictures that clusters and probe are fitted to: more change neither by half a point."""


def latent_figures(
    autoencoder: Autoencoder, training: Dataset, judged: Dataset, *, seed: int = 0
) -> dict[str, float]:
    """Fitted to posterior means of training pictures, measured on those of others."""
    fitted = training.select(np.arange(min(NUM_FITTED, len(training))))
    with threadpool_limits(limits=1):
        (k_means,) = cluster(autoencoder, fitted, judged, seed=seed, methods=METHODS[:1])
        probe = linear_probe(autoencoder, fitted, judged)
    return {
        "k_means_accuracy": k_means.accuracy,
        "k_means_normalized_mutual_information": k_means.normalized_mutual_information,
        "linear_probe_accuracy": probe,
    }


def linear_probe(autoencoder: Autoencoder, fitted: Dataset, judged: Dataset) -> float:
    """Share of pictures whose label a logistic regression reads off the posterior mean."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    probe.fit(latents_of(autoencoder, fitted.images), fitted.labels)
    predicted = probe.predict(latents_of(autoencoder, judged.images))
    return float(np.mean(predicted == judged.labels))
