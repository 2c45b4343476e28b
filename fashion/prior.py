"""What `generate` draws latents from: a prior, by label or by the labels' own frequencies, exactly by seed.

A model's prior is part of its artifact. "gaussian_mixture" is a mixture of Gaussians with full covariance for
each label; "standard_normal" knows no labels.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fashion.artifact import Artifact
from fashion.engine import Array
from fashion.errors import DamagedArtifact, InvalidValue
from fashion.labels import NUM_LABELS


class Prior(Protocol):
    """Something to draw latents from."""

    def sample(
        self, count: int, label: int | None, temperature: float, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], list[int] | None]:
        """Draw `count` latents (count, latent), and the label of each where the prior knows labels.

        `temperature` scales the spread about the centres: 0 gives the centres, 1 the prior itself. Raises
        InvalidValue where a label is asked of a prior that knows none.
        """
        ...


@dataclass(frozen=True)
class StandardNormal:
    """The prior that a VAE is trained against: N(0, I)."""

    latent_size: int

    def sample(
        self, count: int, label: int | None, temperature: float, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], None]:
        """See Prior.sample."""
        if label is not None:
            raise InvalidValue(
                "This model's prior knows no labels: leave label out, or choose another model", field="label"
            )
        noise = random.standard_normal((count, self.latent_size), dtype=np.float32)
        return noise * np.float32(temperature), None


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture for each label.

    `weights` (labels, components), `means` (labels, components, latent), `label_frequencies` (labels,), and
    `factors`, the Cholesky factors of the covariances (labels, components, latent, latent). `asked_weights`,
    of the shape of `weights`, take their place where a label is asked for: a label's density may have parts
    that show it too faintly to answer with. None: no such parts.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float32]
    factors: NDArray[np.float32]
    label_frequencies: NDArray[np.float64]
    asked_weights: NDArray[np.float64] | None = None

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array], latent_size: int) -> "GaussianMixture":
        """Check the arrays' shapes and normalise the frequencies; DamagedArtifact where a shape is wrong."""
        try:
            weights = np.asarray(arrays["weights"], dtype=np.float64)
            components = weights.shape[1]
            expected = {
                "weights": (NUM_LABELS, components),
                "means": (NUM_LABELS, components, latent_size),
                "factors": (NUM_LABELS, components, latent_size, latent_size),
                "label_frequencies": (NUM_LABELS,),
            }
            if "asked_weights" in arrays:
                expected["asked_weights"] = weights.shape
            found = {name: arrays[name].shape for name in expected}
        except (KeyError, IndexError) as error:
            raise DamagedArtifact(f"The prior's file lacks a usable array {error}") from error
        if found != expected:
            raise DamagedArtifact(f"The prior's arrays have the shapes {found}; expected {expected}")
        frequencies = np.asarray(arrays["label_frequencies"], dtype=np.float64)
        asked = arrays.get("asked_weights")
        return cls(
            weights=_normalised(weights),
            means=np.asarray(arrays["means"], dtype=np.float32),
            factors=np.asarray(arrays["factors"], dtype=np.float32),
            label_frequencies=frequencies / frequencies.sum(),
            asked_weights=None if asked is None else _normalised(np.asarray(asked, dtype=np.float64)),
        )

    def sample(
        self, count: int, label: int | None, temperature: float, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], list[int]]:
        """See Prior.sample."""
        labels = (
            np.full(count, label)
            if label is not None
            else random.choice(NUM_LABELS, size=count, p=self.label_frequencies)
        )
        weights = self.weights if label is None or self.asked_weights is None else self.asked_weights
        edges = np.cumsum(weights, axis=1)[labels]  # (count, components)
        components = (random.random((count, 1)) > edges[:, :-1]).sum(axis=1)
        noise = random.standard_normal((count, self.means.shape[2]), dtype=np.float32)
        spread = np.einsum("cij,cj->ci", self.factors[labels, components], noise)
        latents = self.means[labels, components] + np.float32(temperature) * spread
        return latents, [int(index) for index in labels]


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that sum to 1."""
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def prior_of(artifact: Artifact) -> Prior | None:
    """The prior that an autoencoder's artifact carries; None for a model that cannot generate."""
    manifest = artifact.manifest
    if manifest.prior.kind == "none" or manifest.latent_size is None:
        return None
    if manifest.prior.file is None:
        return StandardNormal(manifest.latent_size)
    return GaussianMixture.from_arrays(artifact.arrays(manifest.prior.file), manifest.latent_size)
