"""How well an autoencoder describes pictures, in nats: -ELBO in its two terms, and a tighter bound.

Both are taken to the artifact's own prior, the one that `generate` draws from. -ELBO is that of the
continuous pixels, by one latent a picture, and its KL term is the sampled latent's; the closed form to
N(0, I) stands beside it. The importance-weighted bound (Burda et al. 2016, arXiv:1509.00519) is what papers
quote: on pixels drawn to be black or white, each with its own grey for its probability.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from fashion.autoencoder import Autoencoder, cross_entropy_nats
from fashion.errors import InvalidValue
from fashion.prior import GaussianMixture, prior_of
from training.posteriors import Posteriors, posteriors_of
from training.prior_fitting import log_density

Float64 = NDArray[np.float64]

IMPORTANCE_SAMPLES: Final = 5_000
"""Latents for each picture, as the papers draw."""


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The terms of -ELBO in nats, for every picture, from one sampled latent."""

    reconstruction_nats: Float64
    """(count,): cross-entropy of the pixels, the Bernoulli's with continuous pixels."""
    kl_nats: Float64
    """(count,): log q - log p of the sampled latent, p being the artifact's own prior."""
    standard_kl_nats: Float64
    """(count,): the closed form to N(0, I), which the model was trained against."""

    @property
    def negative_elbo_nats(self) -> Float64:
        """(count,): the sum of the first two."""
        return self.reconstruction_nats + self.kl_nats

    def figures(self) -> dict[str, float]:
        """Means over the pictures, and the standard errors of the two that are quoted."""
        total, standard = self.negative_elbo_nats, self.reconstruction_nats + self.standard_kl_nats
        return {
            "negative_elbo_nats": float(total.mean()),
            "negative_elbo_nats_error": standard_error(total),
            "reconstruction_nats": float(self.reconstruction_nats.mean()),
            "kl_nats": float(self.kl_nats.mean()),
            "standard_prior_negative_elbo_nats": float(standard.mean()),
            "standard_prior_negative_elbo_nats_error": standard_error(standard),
            "standard_prior_kl_nats": float(self.standard_kl_nats.mean()),
        }


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceBound:
    """-log of the importance-weighted average, of binarised pictures."""

    negative_elbo_nats: Float64
    """(all,): of every binarised picture, by one latent."""
    gains_nats: Float64
    """(count,): what many latents gain over one, on some of the pictures."""

    @property
    def nats(self) -> float:
        """The estimate for all pictures: -ELBO of all of them, less the gain on some.

        Pictures differ by some 75 nats and gains by a few, so a hundred gains say as much about the mean as
        ten thousand bounds would.
        """
        return float(self.negative_elbo_nats.mean() - self.gains_nats.mean())

    @property
    def error_nats(self) -> float:
        """Standard error of `nats`, from both means."""
        return float(np.hypot(standard_error(self.negative_elbo_nats), standard_error(self.gains_nats)))

    def figures(self) -> dict[str, float]:
        """The estimate, its error, and the same before the gain."""
        return {
            "importance_bound_nats": self.nats,
            "importance_bound_nats_error": self.error_nats,
            "importance_bound_pictures": float(len(self.gains_nats)),
            "binarised_negative_elbo_nats": float(self.negative_elbo_nats.mean()),
        }


def bound(autoencoder: Autoencoder, images: NDArray[np.uint8], seed: int = 0) -> Bound:
    """-ELBO of network inputs (count, 28, 28) by one latent each; InvalidValue for a plain autoencoder."""
    posteriors = posteriors_of(autoencoder, images)
    return _bound(autoencoder, posteriors, pixels_of(images), seed)


def importance_bound(
    autoencoder: Autoencoder,
    images: NDArray[np.uint8],
    count: int,
    *,
    num_samples: int = IMPORTANCE_SAMPLES,
    seed: int = 0,
) -> ImportanceBound:
    """The importance-weighted bound of network inputs (all, 28, 28), with the gain measured on `count`.

    Latents come from the posterior of the picture before it is binarised, which is what the encoder was
    taught: every proposal gives a bound. Raises InvalidValue for fewer than two pictures.
    """
    if not 2 <= count <= len(images):
        raise InvalidValue(
            f"The importance-weighted bound needs 2 to {len(images):,} pictures, not {count:,}.",
            field="--importance-pictures",
        )
    random = np.random.default_rng(seed)
    pixels = pixels_of(images)
    binary = (random.random(pixels.shape, dtype=np.float32) < pixels).astype(np.float32)
    posteriors = posteriors_of(autoencoder, images)
    single = _bound(autoencoder, posteriors, binary, seed).negative_elbo_nats
    rows = np.linspace(0, len(images) - 1, count).astype(np.int64)
    many = [
        _importance_nats(autoencoder, posteriors.repeated(row, num_samples), binary[row], random)
        for row in rows
    ]
    return ImportanceBound(single, single[rows] - np.array(many))


def _bound(autoencoder: Autoencoder, posteriors: Posteriors, pixels: NDArray[np.float32], seed: int) -> Bound:
    latents, standard = posteriors.sampled(seed), posteriors.standard_kl_nats()
    own = standard
    if isinstance(prior_of(autoencoder.artifact), GaussianMixture):
        own = posteriors.log_density(latents) - _prior_log_density(autoencoder, latents)
    return Bound(cross_entropy_nats(pixels, autoencoder.decode(latents)), own, standard)


def _importance_nats(
    autoencoder: Autoencoder,
    repeated: Posteriors,
    binary: NDArray[np.float32],
    random: np.random.Generator,
) -> float:
    """-log (1/K) sum p(x|z) p(z) / q(z) over a latent from each of K equal posteriors of one picture."""
    latents = repeated.sampled(int(random.integers(2**63)))
    log_likelihood = -cross_entropy_nats(binary, autoencoder.decode(latents))
    log_prior, log_posterior = _prior_log_density(autoencoder, latents), repeated.log_density(latents)
    return float(np.log(len(latents)) - logsumexp(log_likelihood + log_prior - log_posterior))


def _prior_log_density(autoencoder: Autoencoder, latents: NDArray[np.float32]) -> Float64:
    """Log p of latents (count, latent) under the prior that the artifact carries; without a file of its
    own, N(0, I)."""
    prior = prior_of(autoencoder.artifact)
    if isinstance(prior, GaussianMixture):
        return log_density(prior, latents)
    squares = np.square(latents, dtype=np.float64)
    return np.asarray(-0.5 * (squares + np.log(2 * np.pi)).sum(axis=1))


def entropy_floor_nats(images: NDArray[np.uint8]) -> float:
    """The pixels' own entropy, mean over images: no model's cross-entropy is below it (189.86 on test)."""
    pixels = pixels_of(images)
    return float(cross_entropy_nats(pixels, pixels).mean())


def pixels_of(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """UInt8 (count, 28, 28) on [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def standard_error(values: Float64) -> float:
    """Of the mean of independent values."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))
