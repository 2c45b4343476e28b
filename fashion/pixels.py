"""Any mode of a Pillow image to 8-bit grey or RGB pixels.

Pillow's own conversions clip where they should scale (16 bits, floats) and uncover whatever colour lies below
transparency; everything of that kind is settled here.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

UInt8: TypeAlias = NDArray[np.uint8]

# Where what is visible of a picture is brighter than this on average, black is laid below its transparency.
LIGHT_LUMINANCE: Final = 192

_TRANSPARENT_MODES: Final = frozenset(("RGBA", "LA", "PA", "RGBa", "La"))
_GREY_MODES: Final = frozenset(("1", "L", "LA"))


def pixels_of(image: Image.Image, shrink: int = 1) -> UInt8:
    """Turn a loaded image of any mode into pixels: (height, width) of a grey mode, else (height, width, 3).

    `shrink` is a whole factor by which both sides become smaller, each block of pixels its mean.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        white = 65535.0 if image.mode.startswith("I;16") else None
        wide = image.convert("F")
        return _scaled(wide.reduce(shrink) if shrink > 1 else wide, white)
    transparent = image.mode in _TRANSPARENT_MODES or "transparency" in image.info
    if transparent:
        image = image.convert("LA" if image.mode in _GREY_MODES else "RGBA")
    elif image.mode in ("P", "1"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if shrink > 1:
        image = image.reduce(shrink)
    if transparent:
        return _flattened(np.asarray(image))
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))


def _scaled(image: Image.Image, white: float | None) -> UInt8:
    """Scale numbers so that `white` becomes 255; without it, the values tell what white is.

    Floats and 32-bit integers have no agreed range: 0..1, 0..255 and 0..65535 are taken as such, and
    anything else is stretched. What is no finite number becomes the lowest one.
    """
    values = np.asarray(image)
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 0.0)
    if white is None and low >= 0:
        white = next((limit for limit in (1.0, 255.0, 65535.0) if high <= limit), None)
    if white is not None:
        low, high = 0.0, white
    span = high - low if high > low else 1.0
    shares = (np.where(finite, values, low).astype(np.float64) - low) / span
    return np.rint(shares * 255.0).astype(np.uint8)


def _flattened(pixels: UInt8) -> UInt8:
    """Lay pixels (height, width, 2 or 4) on white, as a shop does, or on black.

    On black: what is light, because it would vanish on white, and grey pictures of the network input's size,
    because their background is black.
    """
    colours, alpha = pixels[..., :-1].astype(np.float32), pixels[..., -1:].astype(np.float32) / 255.0
    visible = float(alpha.sum())
    is_light = visible > 0 and float((colours * alpha).mean(axis=-1).sum()) / visible > LIGHT_LUMINANCE
    is_network_input = pixels.shape == (28, 28, 2)
    background = 0.0 if is_light or is_network_input else 255.0
    flat: UInt8 = np.rint(colours * alpha + background * (1.0 - alpha)).astype(np.uint8)
    return flat[..., 0] if flat.shape[-1] == 1 else flat
