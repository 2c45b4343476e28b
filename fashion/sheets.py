"""Arrays to PNG bytes: single images, contact sheets, and class activation maps laid over their picture."""

import io
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fashion.preparation import SIDE

_GAP: Final = 2  # pixels between the tiles of a sheet
_GAP_GREY: Final = 64  # apart from black and from white, so that a tile's edge shows on both
_ENLARGED: Final = 8  # an explanation's pixels are drawn this much larger, for people to see


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
    """A class activation map (28, 28) in [0, 1] laid over the network input (28, 28), enlarged."""
    grey = np.repeat(image[:, :, None], 3, axis=2).astype(np.float32)
    share = 0.6 * heat[:, :, None]
    return _enlarge((grey * (1 - share) + _colours(heat) * share).astype(np.uint8))


def _colours(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    thirds: NDArray[np.float32] = np.clip(heat[:, :, None] * 3 - np.arange(3, dtype=np.float32), 0, 1)
    return to_uint8(thirds)


def _enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (image.shape[1] * _ENLARGED, image.shape[0] * _ENLARGED)
    enlarged: NDArray[Any] = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    return enlarged.astype(np.uint8, copy=False)
