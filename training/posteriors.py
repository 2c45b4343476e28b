"""The posteriors of many pictures, from an exported encoder: what priors and bounds are computed from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder, kl_nats
from fashion.errors import InvalidValue

# Pictures for one call of the encoder, which bounds the memory of its activations.
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Posteriors:
    """A Gaussian with diagonal covariance for each picture, in the pictures' order."""

    mean: NDArray[np.float32]
    """(count, latent)."""
    log_variance: NDArray[np.float32]
    """(count, latent)."""

    def sampled(self, seed: int) -> NDArray[np.float32]:
        """One latent drawn from each, (count, latent); the same seed gives the same latents."""
        noise = np.random.default_rng(seed).standard_normal(self.mean.shape, dtype=np.float32)
        latents: NDArray[np.float32] = self.mean + np.exp(0.5 * self.log_variance) * noise
        return latents

    def repeated(self, row: int, times: int) -> "Posteriors":
        """One picture's posterior, as if the picture came many times."""
        shape = (times, self.mean.shape[1])
        return Posteriors(
            np.broadcast_to(self.mean[row], shape), np.broadcast_to(self.log_variance[row], shape)
        )

    def log_density(self, latents: NDArray[np.float32]) -> NDArray[np.float64]:
        """log q in nats of one latent each, row by row: (count, latent) to (count,)."""
        log_variance = self.log_variance.astype(np.float64)
        squares = np.square(latents - self.mean, dtype=np.float64) * np.exp(-log_variance)
        return np.asarray(-0.5 * (squares + log_variance + np.log(2 * np.pi)).sum(axis=1))

    def standard_kl_nats(self) -> NDArray[np.float64]:
        """KL to N(0, I) of each, in closed form, (count,)."""
        return kl_nats(self.mean, self.log_variance)

    def dimension_nats(self) -> NDArray[np.float64]:
        """What each dimension says of a picture, its share of that KL: mean over the pictures, (latent,)."""
        parts = [
            kl_nats(self.mean[:, [index]], self.log_variance[:, [index]]).mean()
            for index in range(self.mean.shape[1])
        ]
        return np.array(parts)


def posteriors_of(autoencoder: Autoencoder, images: NDArray[np.uint8]) -> Posteriors:
    """Encode network inputs (count, 28, 28); raises InvalidValue where the model is not variational."""
    parts = [autoencoder.encode(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
    log_variances = [part.log_variance for part in parts if part.log_variance is not None]
    if len(log_variances) < len(parts):
        name = autoencoder.artifact.manifest.name
        raise InvalidValue(f"{name} encodes pictures to points; this needs a variational autoencoder.")
    return Posteriors(np.concatenate([part.mean for part in parts]), np.concatenate(log_variances))
