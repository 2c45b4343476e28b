"""The prior that an autoencoder generates from: mixtures of Gaussians, one a label, fitted to frozen latents.

The latents are made without labels. What a VAE's posteriors fill, taken together, is not the N(0, I) that
it was trained against (Hoffman and Johnson 2016, "ELBO surgery"): drawing from where they lie gives better
pictures, and is worth several nats of the ELBO. Mixed by the labels' frequencies, the prior is a density
over all latents, the one that `log_density` evaluates. Latents come from the exported encoder, so that the
artifact alone decides.

With a critic, a label's mixture is fitted to the latents whose decoded pictures *show* that label most
surely, instead of those whose originals had it: what encoding loses of a picture may be what made it a coat,
and `generate` is to draw what it is asked for. The critic is never the classifier that judges samples.
"""

import io
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, softmax
from sklearn import mixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from fashion.artifact import Artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from fashion.labels import LABELS, NUM_LABELS
from fashion.manifest import Prior
from fashion.prior import GaussianMixture
from fashion.sheets import to_uint8
from training.answers import answers_to_dataset
from training.dataset import Dataset
from training.posteriors import posteriors_of
from training.rewriting import rewrite_artifact

PRIOR_FILE: Final = "prior.npz"
COMPONENTS: Final = 4
"""For each label. Held-out log density no longer rises beyond four (docs/vae.md)."""
TELLING_SHARE: Final = 0.85
"""How many latents a label's mixture is fitted to, as a share of the label's pictures (docs/vae.md)."""
# Added to every variance: keeps a component from shrinking onto a few latents.
_LEAST_VARIANCE: Final = 1e-3
# Bounds the memory of decoded pictures.
_DECODED_AT_ONCE: Final = 1_000


def add_prior(
    artifact: Artifact,
    training: Dataset,
    *,
    critic: Classifier | None = None,
    components: int = COMPONENTS,
    seed: int = 0,
) -> Artifact:
    """Replace a variational autoencoder's artifact by one that carries a prior fitted to `training`.

    With a critic, the latents that show a label count as that label's (`most_telling`).
    """
    autoencoder = Autoencoder(artifact)
    latents = posteriors_of(autoencoder, training.images).sampled(seed)
    counts = np.bincount(training.labels, minlength=NUM_LABELS)
    if critic is None:
        rows, labels = np.arange(len(latents)), training.labels
    else:
        shown = shown_probabilities(autoencoder, latents, critic)
        rows, labels = most_telling(shown, np.ceil(TELLING_SHARE * counts).astype(np.int64))
    fitted = fit_prior(latents[rows], labels, components=components, seed=seed)
    fitted = replace(fitted, label_frequencies=counts / counts.sum())
    prior = Prior(kind="gaussian_mixture", file=PRIOR_FILE)
    return rewrite_artifact(artifact, {"prior": prior}, {PRIOR_FILE: prior_bytes(fitted)})


def shown_probabilities(
    autoencoder: Autoencoder, latents: NDArray[np.float32], critic: Classifier
) -> NDArray[np.float64]:
    """How surely a classifier sees each label in what each latent decodes to: (count, latent) to
    (count, 10)."""
    logits = []
    for start in range(0, len(latents), _DECODED_AT_ONCE):
        images = to_uint8(autoencoder.decode(latents[start : start + _DECODED_AT_ONCE]))
        unknown = np.zeros(len(images), dtype=np.int64)
        logits.append(answers_to_dataset(critic, Dataset(images, unknown)).logits)
    return np.asarray(softmax(np.concatenate(logits).astype(np.float64), axis=1))


def most_telling(
    probabilities: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each label the `counts[label]` rows of `probabilities` (count, 10) where it is surest.

    Gives rows and their labels, label by label, each label's rows in order. A row may serve two labels where
    a label is hardly shown at all.
    """
    surest = np.argsort(-probabilities, axis=0, kind="stable")
    rows = [np.sort(surest[:count, label]) for label, count in enumerate(counts)]
    return np.concatenate(rows), np.repeat(np.arange(NUM_LABELS), counts)


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
    log_weights = np.log(prior.label_frequencies[:, None] * prior.weights)
    terms = [
        log_weights[label, component] + _gaussian_log_density(prior, label, component, latents)
        for label, component in np.ndindex(*prior.weights.shape)
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
