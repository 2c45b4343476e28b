"""The prior of an autoencoder with two modes: both lie in one mixture of Gaussians for each label.

The content is spread alike in both, as the latents of the label's pictures are. Pictures are encoded into the
smooth mode; the textured one has the label's number and grain beside the content. The density of the ELBO has
both modes, and pictures of any label are drawn from that very density; a label that is asked for is drawn
from the textured mode alone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.labels import NUM_LABELS
from fashion.prior import GaussianMixture
from training.latent_layout import LABEL_DEVIATION, SMOOTH, SWITCH_LOG_VARIANCE, TEXTURED, LatentLayout

SMOOTH_SHARE: Final = 0.12
"""How often pictures of any label are smooth; pictures that are encoded pay its logarithm (docs/vae.md)."""


def with_both_modes(
    content: GaussianMixture, layout: LatentLayout, smooth_share: float = SMOOTH_SHARE
) -> GaussianMixture:
    """The prior of all dimensions, of one of the content alone."""
    none, own = np.zeros((NUM_LABELS, NUM_LABELS)), np.eye(NUM_LABELS)
    parts = [
        _mode(content, layout, own, LABEL_DEVIATION, TEXTURED),
        _mode(content, layout, none, 1.0, SMOOTH),
    ]
    means, factors = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    shares = [(1 - smooth_share) * content.weights, smooth_share * content.weights]
    return GaussianMixture(
        weights=np.concatenate(shares, axis=1),
        means=means,
        factors=factors,
        label_frequencies=content.label_frequencies,
        asked_weights=np.concatenate([content.weights, np.zeros_like(content.weights)], axis=1),
    )


def _mode(
    content: GaussianMixture,
    layout: LatentLayout,
    labels: NDArray[np.float64],
    label_deviation: float,
    switch: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means and factors in all dimensions; `labels` (labels, labels) are the means of the label's numbers."""
    components = content.means.shape[1]
    means = np.zeros((NUM_LABELS, components, layout.size), dtype=np.float32)
    means[:, :, : layout.content] = content.means
    means[:, :, layout.content : layout.content + NUM_LABELS] = labels[:, None]
    means[:, :, -1] = switch
    deviations = np.ones(layout.size, dtype=np.float32)
    deviations[layout.content : layout.content + NUM_LABELS] = label_deviation
    deviations[-1] = np.exp(SWITCH_LOG_VARIANCE / 2)
    factors = np.tile(np.diag(deviations), (NUM_LABELS, components, 1, 1))
    factors[:, :, : layout.content, : layout.content] = content.factors
    return means, factors
