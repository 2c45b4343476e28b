"""The published steps that made Fashion-MNIST out of shop photographs, to compare with and to explain by.

Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747, section 2. They expect one garment on an even, light
background; for what people send, see `fashion.preparation`.
"""

from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fashion.pixels import UInt8

_TRIM_TOLERANCE: Final = 0.05  # of the largest distance between two RGB colours


def zalando_steps(pixels: UInt8, side: int) -> UInt8:
    """Trim, subsample, sharpen, extend and negate RGB pixels (height, width, 3) to grey (side, side)."""
    trimmed = _trimmed(pixels)
    height, width = trimmed.shape[:2]
    scale = side / max(height, width)
    rows = _kept(height, max(round(height * scale), 1))
    columns = _kept(width, max(round(width * scale), 1))
    image = Image.fromarray(np.ascontiguousarray(trimmed[rows][:, columns])).filter(_sharpening())
    canvas = Image.new("RGB", (side, side), "white")
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    negative: UInt8 = 255 - np.asarray(canvas.convert("L"))
    return negative


def _trimmed(pixels: UInt8) -> UInt8:
    """Cut off the edges that are as good as the corner's colour; of that colour alone, all stays."""
    distance = np.linalg.norm(pixels.astype(np.float32) - pixels[0, 0], axis=-1)
    differs = distance > _TRIM_TOLERANCE * 255 * 3**0.5
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not rows.size:
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _kept(length: int, count: int) -> NDArray[np.intp]:
    """Choose which of `length` rows stay so that `count` are left: the one in the middle of every stretch."""
    return ((np.arange(count) + 0.5) * (length / count)).astype(np.intp)


def _sharpening() -> ImageFilter.Kernel:
    """Build the 3x3 kernel of radius 1 and sigma 1: twice the picture less its Gaussian blur."""
    gaussian = [exp(-(x * x + y * y) / 2) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    kernel = [-weight for weight in gaussian]
    kernel[4] = 2 * sum(gaussian)
    return ImageFilter.Kernel((3, 3), kernel)
