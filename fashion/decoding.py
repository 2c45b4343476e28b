"""Bytes of an allowed format to upright 8-bit pixels, within limits that the caller brings.

Everything that depends on how a picture was stored ends here: format, orientation, transparency, depth,
colour space, frames. Sizes are checked on the header, before a pixel is decoded.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from fashion.errors import PictureTooLarge, UnreadablePicture
from fashion.formats import damaged, open_image
from fashion.pixels import UInt8, pixels_of
from fashion.plain_png import read_plain_png

MAX_PIXELS: Final = 50_000_000

_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {  # EXIF orientation -> what brings the picture upright (EXIF 2.32, section 4.6.4)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_SOURCES: Final = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright, opaque, 8 bits.

    `pixels` is (height, width) where all of them are known to be grey, else (height, width, 3) RGB; it may be
    smaller than the original. `size` is the original's (width, height) in pixels, as stored.
    """

    pixels: UInt8
    size: tuple[int, int]

    @property
    def grey_exact(self) -> bool:
        """Whether every pixel is known to be grey; of large colour pictures it is not found out."""
        return self.pixels.ndim == 2


class OpenedPicture:
    """A picture whose header was read and whose pixels were not decoded yet.

    It lets a caller add up the sizes of many pictures before paying for the first.
    """

    def __init__(self, data: bytes, name: str, image: ImageFile) -> None:
        """Take what `fashion.formats.open_image` gave for `data`."""
        self._data = data
        self._name = name
        self._image = image
        self.size: tuple[int, int] = image.size

    @property
    def num_pixels(self) -> int:
        """Width times height of what would be decoded."""
        return self.size[0] * self.size[1]

    def decode(self, *, max_pixels: int = MAX_PIXELS, target_side: int | None = None) -> Picture:
        """Decode the pixels; see `decode`."""
        if self.num_pixels > max_pixels:
            width, height = self.size
            raise PictureTooLarge(
                f"expected a picture of at most {max_pixels:,} pixels, got {width:,} x {height:,} = "
                f"{self.num_pixels:,}: make it smaller"
            )
        try:
            return Picture(self._pixels(target_side), self.size)
        except Exception as error:  # Pillow's plugins raise whatever a damaged file leads them to
            raise UnreadablePicture(damaged(self._name, self._data, error)) from error

    def _pixels(self, target_side: int | None) -> UInt8:
        image = self._image
        longest = max(self.size)
        shrink = max(longest // target_side, 1) if target_side else 1
        if shrink > 1 and isinstance(image, JpegImageFile):
            image.draft(None, (self.size[0] // shrink, self.size[1] // shrink))
            shrink = max(max(image.size) // target_side, 1) if target_side else 1
        image.load()
        orientation = _orientation(image)  # after loading: a PNG may tell it behind its pixels
        pixels = pixels_of(image, shrink)
        if orientation in _UPRIGHT:
            pixels = np.asarray(Image.fromarray(pixels).transpose(_UPRIGHT[orientation]))
        return _as_grey(pixels)


def open_picture(data: bytes | memoryview) -> OpenedPicture:
    """Read the header of a picture in one of `fashion.formats.FORMATS`. Raises UnreadablePicture."""
    data = bytes(data)
    return OpenedPicture(data, *open_image(data))


def probe_size(data: bytes | memoryview) -> tuple[int, int]:
    """Read (width, height) in pixels from the header. Raises UnreadablePicture."""
    return open_picture(data).size


def decode(
    data: bytes | memoryview, *, max_pixels: int = MAX_PIXELS, target_side: int | None = None
) -> Picture:
    """Decode a picture in one of `fashion.formats.FORMATS`; of an animation the first frame.

    With `target_side` (pixels) a larger picture comes out smaller, by a whole factor that leaves the longer
    side at least that long and less than twice: a large JPEG then costs a fraction.

    Raises UnreadablePicture where the bytes are no complete picture of these formats, and PictureTooLarge,
    before decoding, where the header tells of more than `max_pixels`.
    """
    data = bytes(data)
    plain = read_plain_png(data)
    if plain is not None:
        return Picture(plain, (plain.shape[1], plain.shape[0]))
    return OpenedPicture(data, *open_image(data)).decode(max_pixels=max_pixels, target_side=target_side)


def _orientation(image: ImageFile) -> int:
    """Read the EXIF orientation, 1 (upright) where there is none; a TIFF is turned by Pillow itself."""
    if image.format == "TIFF" or not any(source in image.info for source in _ORIENTATION_SOURCES):
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged metadata are no reason to refuse a picture that can be seen
        return 1


def _as_grey(pixels: UInt8) -> UInt8:
    """Drop the equal channels of a small RGB picture that is all grey."""
    if pixels.ndim == 2 or pixels.size > 3 * 28 * 28:
        return pixels
    channels = pixels.tobytes()  # slices of bytes compare several times faster than arrays this small
    red = channels[::3]
    if channels[1::3] != red or channels[2::3] != red:
        return pixels
    return np.frombuffer(red, np.uint8).reshape(pixels.shape[:2])
