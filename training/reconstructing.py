"""How near a reconstruction from the posterior mean comes to the picture: squared error, PSNR and SSIM."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.image import structural_similarity_index_measure

from fashion.autoencoder import Autoencoder
from training.bounds import pixels_of, standard_error

_BATCH: Final = 500


def reconstruction_figures(autoencoder: Autoencoder, images: NDArray[np.uint8]) -> dict[str, float]:
    """Of network inputs (count, 28, 28), pixels on [0, 1]: means over the pictures.

    PSNR is in decibels, each picture's by itself. SSIM is that of Wang et al. 2004: Gaussian windows of 11
    pixels and sigma 1.5, as torchmetrics computes it.
    """
    parts = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
    squared, similar = [], []
    for part in parts:
        made = autoencoder.reconstruct(part)
        squared.append(made.mean_squared_error)
        similar.append(structural_similarity(made.images, pixels_of(part)))
    errors = np.concatenate(squared)
    return {
        "mean_squared_error": float(errors.mean()),
        "mean_squared_error_error": standard_error(errors),
        "psnr_decibels": float((-10 * np.log10(errors)).mean()),
        "structural_similarity": float(np.concatenate(similar).mean()),
    }


def structural_similarity(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """SSIM of images (count, 28, 28) on [0, 1] with others, pair by pair, (count,)."""
    found = structural_similarity_index_measure(
        torch.from_numpy(first[:, None]), torch.from_numpy(second[:, None]), reduction="none", data_range=1.0
    )
    if not isinstance(found, torch.Tensor):
        raise TypeError(
            "torchmetrics gives a pair only where it is asked for the whole picture of similarity"
        )
    return np.asarray(found.numpy())
