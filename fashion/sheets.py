"""Arrays to PNG bytes: single images, contact sheets, and class activation maps laid over their picture."""

import io
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.inputs import SIDE

_GAP: Final = 2  # pixels between the tiles of a sheet
_GAP_GREY: Final = 64  # apart from black and from white, so that a tile's edge shows on both
_ENLARGED_SIDE: Final = 8 * SIDE  # explanations are drawn larger than networks see, for people


def to_uint8(images: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Images in [0, 1] as bytes, rounded to the nearest level."""
    return np.asarray(images * 255 + 0.5, dtype=np.uint8)


def png_bytes(image: NDArray[np.uint8], *, compression: int = 1) -> bytes:
    """A PNG of a grey (height, width) or colour (height, width, 3) image."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=compression)
    return buffer.getvalue()


def contact_sheet(images: NDArray[np.uint8], columns: int | None = None) -> NDArray[np.uint8]:
    """Images (count, height, width) row by row on one sheet, as near to a square as `columns` leaves open."""
    count, height, width = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    sheet = np.full(
        (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP), _GAP_GREY, dtype=np.uint8
    )
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + _GAP), (index % columns) * (width + _GAP)
        sheet[top : top + height, left : left + width] = image
    return sheet


def comparison_sheet(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.uint8], columns: int = 16
) -> NDArray[np.uint8]:
    """Each row of originals (count, 28, 28) directly above the row of their reconstructions."""
    columns = min(columns, len(originals))
    padding = -len(originals) % columns
    blank = np.zeros((padding, SIDE, SIDE), dtype=np.uint8)
    pairs = [
        np.concatenate([images, blank]).reshape(-1, columns, SIDE, SIDE)
        for images in (originals, reconstructions)
    ]
    return contact_sheet(np.stack(pairs, axis=1).reshape(-1, SIDE, SIDE), columns)


def heat_image(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A class activation map (28, 28) in [0, 1] in colours, enlarged: black, red, yellow, white."""
    return _enlarge(_colours(heat))


def overlay(image: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A class activation map (28, 28) in [0, 1] laid over what the network looked at, enlarged.

    `image` is a network input (28, 28) or a square view in colour (side, side, 3).
    """
    colour = image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)
    under = _enlarge(colour).astype(np.float32)
    share = 0.6 * _enlarge(to_uint8(heat)).astype(np.float32)[:, :, None] / 255
    return np.asarray(under * (1 - share) + heat_image(heat) * share, dtype=np.uint8)


def _colours(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    thirds: NDArray[np.float32] = np.clip(heat[:, :, None] * 3 - np.arange(3, dtype=np.float32), 0, 1)
    return to_uint8(thirds)


def _enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    enlarged = Image.fromarray(image).resize((_ENLARGED_SIDE, _ENLARGED_SIDE), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, dtype=np.uint8)
