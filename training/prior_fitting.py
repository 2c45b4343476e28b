"""The prior that an autoencoder generates from: mixtures of Gaussians, one a label, fitted to frozen latents.

The latents are made without labels. What a VAE's posteriors fill, taken together, is not the N(0, I) that
it was trained against (Hoffman and Johnson 2016, "ELBO surgery"): drawing from where they lie gives better
pictures, and is worth several nats of the ELBO. Mixed by the labels' frequencies, the prior is a density
over all latents, the one that `log_density` evaluates. Latents come from the exported encoder, so that the
artifact alone decides.

With a critic, latents belong to the label that their decoded pictures *show* (`shown_labels.py`), and a
label's mixture has two parts: the telling latents, from which the label is drawn when it is asked for, and
the doubtful ones, without which the density would have holes.
"""

import io
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn import mixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import Prior
from fashion.prior import GaussianMixture
from training.dataset import Dataset
from training.posteriors import posteriors_of
from training.rewriting import rewrite_artifact
from training.shown_labels import ShownLabels, shown_probabilities, told_apart

PRIOR_FILE: Final = "prior.npz"
COMPONENTS: Final = 4
"""For each label. Held-out log density no longer rises beyond four (docs/vae.md)."""
DOUBTFUL_COMPONENTS: Final = 2
"""For each label, beside those: only the density and pictures of any label are drawn from them."""
# Added to every variance: keeps a component from shrinking onto a few latents.
_LEAST_VARIANCE: Final = 1e-3


def add_prior(
    artifact: Artifact,
    training: Dataset,
    *,
    critic: Classifier | None = None,
    components: int = COMPONENTS,
    seed: int = 0,
) -> Artifact:
    """Replace a variational autoencoder's artifact by one that carries a prior fitted to `training`.

    With a critic, latents count for the labels that they show to it.
    """
    autoencoder = Autoencoder(artifact)
    latents = posteriors_of(autoencoder, training.images).sampled(seed)
    if critic is None:
        fitted = fit_prior(latents, training.labels, components=components, seed=seed)
    else:
        counts = np.bincount(training.labels, minlength=NUM_LABELS)
        probabilities = shown_probabilities(autoencoder, latents, critic)
        shown = told_apart(probabilities, counts, fewest=2 * components)
        fitted = fit_shown_prior(latents, shown, components=components, seed=seed)
        fitted = replace(fitted, label_frequencies=counts / counts.sum())
    prior = Prior(kind="gaussian_mixture", file=PRIOR_FILE)
    return rewrite_artifact(artifact, {"prior": prior}, {PRIOR_FILE: prior_bytes(fitted)})


def fit_prior(
    latents: NDArray[np.float32], labels: NDArray[np.int64], *, components: int = COMPONENTS, seed: int = 0
) -> GaussianMixture:
    """Fit a mixture of `components` Gaussians with full covariance to each label's latents (count, latent).

    Raises InvalidValue where a label has fewer latents than two for each component.
    """
    counts = np.bincount(labels, minlength=NUM_LABELS)
    if (fewest := int(counts.min())) < 2 * components:
        raise InvalidValue(
            f"Expected at least {2 * components} pictures of every label for {components} components, came "
            f"{fewest} of {LABELS[int(counts.argmin())]}: give more pictures or fewer components.",
            field="components",
        )
    # More threads than one only wait for each other on matrices this small.
    with threadpool_limits(limits=1):
        fits = [_fit_label(latents[labels == label], components, seed) for label in range(NUM_LABELS)]
    return GaussianMixture(
        weights=np.stack([fit.weights_ for fit in fits]),
        means=np.stack([fit.means_ for fit in fits]).astype(np.float32),
        factors=np.stack([np.linalg.cholesky(fit.covariances_) for fit in fits]).astype(np.float32),
        label_frequencies=counts / counts.sum(),
    )


def fit_shown_prior(
    latents: NDArray[np.float32], shown: ShownLabels, *, components: int = COMPONENTS, seed: int = 0
) -> GaussianMixture:
    """Fit `components` Gaussians to each label's telling latents (count, latent), and further ones to its
    doubtful ones, weighed by how many they are; labels count by how many latents show them.

    Raises InvalidValue where a label has fewer telling latents than two for each component.
    """
    rows = np.concatenate(shown.telling)
    told = np.array([len(each) for each in shown.telling])
    telling = fit_prior(
        latents[rows], np.repeat(np.arange(NUM_LABELS), told), components=components, seed=seed
    )
    doubted = np.array([len(each) for each in shown.doubtful])
    parts = [_fit_doubtful(latents[each], telling, label, seed) for label, each in enumerate(shown.doubtful)]
    counts = np.where([weights.any() for weights, _, _ in parts], doubted, 0)
    share = (counts / (told + counts))[:, None]
    weights, means, factors = (np.stack(arrays) for arrays in zip(*parts, strict=True))
    return GaussianMixture(
        weights=np.concatenate([(1 - share) * telling.weights, share * weights], axis=1),
        means=np.concatenate([telling.means, means], axis=1),
        factors=np.concatenate([telling.factors, factors], axis=1),
        label_frequencies=(told + counts) / (told + counts).sum(),
        asked_weights=np.concatenate([telling.weights, np.zeros_like(weights)], axis=1),
    )


def _fit_doubtful(
    latents: NDArray[np.float32], telling: GaussianMixture, label: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Weights, means and factors of a label's doubtful part; without weight where there are hardly
    any."""
    if len(latents) < 2 * DOUBTFUL_COMPONENTS:
        repeated = [0] * DOUBTFUL_COMPONENTS
        return np.zeros(DOUBTFUL_COMPONENTS), telling.means[label, repeated], telling.factors[label, repeated]
    with threadpool_limits(limits=1):
        fit = _fit_label(latents, DOUBTFUL_COMPONENTS, seed)
    factors = np.linalg.cholesky(fit.covariances_).astype(np.float32)
    return fit.weights_, fit.means_.astype(np.float32), factors


def log_density(prior: GaussianMixture, latents: NDArray[np.float32]) -> NDArray[np.float64]:
    """log p(latents) in nats under all labels' mixtures by their frequencies: (count, latent) to (count,)."""
    weights = prior.label_frequencies[:, None] * prior.weights
    terms = [
        np.log(weights[label, component]) + _gaussian_log_density(prior, label, component, latents)
        for label, component in zip(*weights.nonzero(), strict=True)
    ]
    return np.asarray(logsumexp(terms, axis=0))


def prior_bytes(prior: GaussianMixture) -> bytes:
    """The file that `fashion.prior` reads; equal priors give equal bytes."""
    file = io.BytesIO()
    np.savez(
        file,
        allow_pickle=False,
        weights=prior.weights,
        means=prior.means,
        factors=prior.factors,
        label_frequencies=prior.label_frequencies,
        **({} if prior.asked_weights is None else {"asked_weights": prior.asked_weights}),
    )
    return file.getvalue()


def _fit_label(latents: NDArray[np.float32], components: int, seed: int) -> mixture.GaussianMixture:
    model = mixture.GaussianMixture(components, reg_covar=_LEAST_VARIANCE, max_iter=300, random_state=seed)
    return model.fit(latents.astype(np.float64))


def _gaussian_log_density(
    prior: GaussianMixture, label: int, component: int, latents: NDArray[np.float32]
) -> NDArray[np.float64]:
    factor = prior.factors[label, component].astype(np.float64)
    whitened = solve_triangular(factor, (latents - prior.means[label, component]).T, lower=True)
    size = latents.shape[1]
    return np.asarray(
        -0.5 * (np.square(whitened).sum(axis=0) + size * np.log(2 * np.pi)) - np.log(np.diag(factor)).sum()
    )
