"""An autoencoder's artifact as answers: latents, reconstructions with what they lose, and new samples.

Variational models (a mean and a log variance for each picture) and plain ones share this class; what a plain
model does not have is None. Likelihoods are in nats an image: the cross-entropy of a Bernoulli with
continuous pixels on [0, 1], as in Kingma and Welling, arXiv:1312.6114, appendix C.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.errors import InvalidValue, WrongKind
from fashion.inputs import SIDE
from fashion.labels import LABELS, NUM_LABELS
from fashion.parts import InParts, one_by_one
from fashion.prior import prior_of

Float32 = NDArray[np.float32]
# Keeps log() finite where a pixel is certain; 1e-6 of a probability costs at most 14 nats a pixel.
_SMALLEST_PROBABILITY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Latents:
    """Where pictures lie in latent space."""

    mean: Float32  # (batch, latent)
    log_variance: Float32 | None  # (batch, latent); None for a plain autoencoder


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Pictures decoded from their own latents, and what was lost on the way."""

    images: Float32  # (batch, 28, 28) in [0, 1]
    mean_squared_error: NDArray[np.float64]  # (batch,), pixels on [0, 1]
    reconstruction_nats: NDArray[np.float64] | None  # (batch,)
    kl_nats: NDArray[np.float64] | None  # (batch,)


@dataclass(frozen=True, slots=True)
class Samples:
    """New pictures, the latents they were decoded from, and their labels where the prior knows labels."""

    latents: Float32  # (count, latent)
    images: Float32  # (count, 28, 28) in [0, 1]
    labels: list[int] | None


class Autoencoder:
    """A loaded encoder and decoder. Thread-safe; holds no state between calls."""

    def __init__(self, artifact: Artifact) -> None:
        """Raises WrongKind where the artifact is no autoencoder."""
        manifest = artifact.manifest
        if manifest.kind != "autoencoder" or manifest.latent_size is None:
            raise WrongKind(f"{manifest.name} is a {manifest.kind}; an autoencoder is needed here")
        self.artifact: Final = artifact
        self.latent_size: Final = manifest.latent_size
        self._encoder = artifact.graphs["encoder"]
        self._decoder = artifact.graphs["decoder"]
        self._prior = prior_of(artifact)

    def encode(self, images: NDArray[np.uint8]) -> Latents:
        """The latents of network inputs (batch, 28, 28)."""
        outputs = self._encoder(images)
        return Latents(outputs[0], outputs[1] if len(outputs) > 1 else None)

    def decode(self, latents: Float32, in_parts: InParts = one_by_one) -> Float32:
        """Images (batch, 28, 28) in [0, 1] of latents (batch, latent).

        One to a call, gone through by `in_parts`: a decoder's activations for a single image fit into a
        core's cache, those of several do not, and then each takes up to twice as long (docs/decisions/0111).
        Raises InvalidValue where a latent has the wrong size or is not finite.
        """
        if latents.ndim != 2 or latents.shape[1] != self.latent_size:
            raise InvalidValue(
                f"{self.artifact.manifest.name} decodes latents of {self.latent_size} numbers, "
                f"not of shape {latents.shape[1:]}",
                field="latents",
            )
        if not np.isfinite(latents).all():
            raise InvalidValue("latents must be finite numbers that fit 32 bits", field="latents")
        images = np.empty((len(latents), SIDE, SIDE), np.float32)

        def decode_row(row: int) -> None:
            np.clip(self._decoder(latents[row : row + 1])[0][0], 0, 1, out=images[row])

        in_parts(decode_row, range(len(latents)))
        return images

    def reconstruct(self, images: NDArray[np.uint8], in_parts: InParts = one_by_one) -> Reconstruction:
        """Encode network inputs (batch, 28, 28), decode their posterior means, and measure the loss."""
        latents = self.encode(images)
        decoded = self.decode(latents.mean, in_parts)
        pixels: Float32 = images.astype(np.float32) / np.float32(255)
        variational = latents.log_variance is not None
        return Reconstruction(
            images=decoded,
            mean_squared_error=np.square(decoded - pixels, dtype=np.float64).mean(axis=(1, 2)),
            reconstruction_nats=cross_entropy_nats(pixels, decoded) if variational else None,
            kl_nats=None if latents.log_variance is None else kl_nats(latents.mean, latents.log_variance),
        )

    def generate(
        self,
        count: int,
        *,
        label: int | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        in_parts: InParts = one_by_one,
    ) -> Samples:
        """Draw `count` new pictures from the prior; the same arguments give the same pictures.

        `label` is a class index, None for labels drawn by their own frequencies. Raises InvalidValue where
        the model has no prior to draw from, or none by label.
        """
        if self._prior is None:
            raise InvalidValue(
                f"{self.artifact.manifest.name} has no prior to draw from: give latents to decode instead",
                field="latents",
            )
        if label is not None and not 0 <= label < NUM_LABELS:
            raise InvalidValue(f"label must be one of {', '.join(LABELS)} or their index", field="label")
        random = np.random.Generator(np.random.PCG64(seed))
        latents, labels = self._prior.sample(count, label, temperature, random)
        return Samples(latents, self.decode(latents, in_parts), labels)


def cross_entropy_nats(pixels: Float32, decoded: Float32) -> NDArray[np.float64]:
    """-log p(pixels | decoded) of images (batch, 28, 28) on [0, 1], in nats an image, (batch,)."""
    certain = np.clip(decoded.astype(np.float64), _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    nats = -(pixels * np.log(certain) + (1 - pixels) * np.log1p(-certain))
    return np.asarray(nats.sum(axis=(1, 2)))


def kl_nats(mean: Float32, log_variance: Float32) -> NDArray[np.float64]:
    """KL(N(mean, variance) || N(0, I)) of latents (batch, latent), in nats, (batch,).

    Kingma and Welling, arXiv:1312.6114, appendix B.
    """
    terms = np.exp(log_variance, dtype=np.float64) + np.square(mean, dtype=np.float64) - 1 - log_variance
    return np.asarray(0.5 * terms.sum(axis=1))
