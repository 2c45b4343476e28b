"""The prior that an autoencoder generates from: mixtures of Gaussians, one a label, fitted to frozen latents.

The latents are made without labels. What a VAE's posteriors fill, taken together, is not the N(0, I) that
it was trained against (Hoffman and Johnson 2016, "ELBO surgery"): drawing from where they lie gives better
pictures, and is worth several nats of the ELBO. Mixed by the labels' frequencies, the prior is a density
over all latents, the one that `log_density` evaluates. Latents come from the exported encoder, so that the
artifact alone decides.

Of an autoencoder with two modes the mixtures are of the content that both have (`mode_priors.py`).
"""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn import mixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.errors import InvalidValue
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import Prior
from fashion.prior import GaussianMixture
from training.dataset import Dataset
from training.latent_layout import LatentLayout
from training.mode_priors import with_both_modes
from training.posteriors import posteriors_of
from training.rewriting import rewrite_artifact

PRIOR_FILE: Final = "prior.npz"
COMPONENTS: Final = 8
"""For each label (docs/vae.md has the others that were tried)."""
_DRAWS: Final = 3
"""Latents of each picture: with one, half as many components are too many already."""
# Beyond so many dimensions such a mixture takes minutes: half the Gaussians, on one latent of each picture.
_WIDE: Final = 64
# Added to every variance: keeps a component from shrinking onto a few latents.
_LEAST_VARIANCE: Final = 1e-3


def add_prior(
    artifact: Artifact,
    training: Dataset,
    *,
    layout: LatentLayout | None = None,
    components: int | None = None,
    seed: int = 0,
) -> Artifact:
    """Replace a variational autoencoder's artifact by one that carries a prior fitted to `training`.

    `layout` is that of an autoencoder with two modes; `components` are COMPONENTS unless told otherwise.
    """
    wide = (artifact.manifest.latent_size or 0) > _WIDE
    draws = 1 if wide else _DRAWS
    posteriors = posteriors_of(Autoencoder(artifact), training.images)
    latents = np.concatenate([posteriors.sampled(seed + draw) for draw in range(draws)])
    labels = np.tile(training.labels, draws)
    content = latents if layout is None else latents[:, : layout.content]
    fitted = fit_prior(content, labels, components=components or COMPONENTS // (1 + wide), seed=seed)
    if layout is not None:
        fitted = with_both_modes(fitted, layout)
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
