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
from fashion.orientation import turn_of
from fashion.pixels import UInt8, pixels_of
from fashion.plain_png import read_plain_png

MAX_PIXELS: Final = 50_000_000


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

    It lets a caller add up the sizes of many pictures before paying for the first. It can be decoded once.
    `name` and `image` are what `fashion.formats.open_image` gave, `num_bytes` is the size of the file.
    """

    def __init__(self, name: str, image: ImageFile, num_bytes: int) -> None:
        self._num_bytes = num_bytes
        self._name = name
        self._image = image
        self.size: tuple[int, int] = image.size

    @property
    def num_pixels(self) -> int:
        """Width times height of what would be decoded."""
        return self.size[0] * self.size[1]

    def decode(self, *, max_pixels: int = MAX_PIXELS, target_side: int | None = None) -> Picture:
        """Decode the pixels and let go of everything else; see `decode`."""
        if self.num_pixels > max_pixels:
            width, height = self.size
            raise PictureTooLarge(
                f"expected a picture of at most {max_pixels:,} pixels, got {width:,} x {height:,} = "
                f"{self.num_pixels:,}: make it smaller"
            )
        try:
            return Picture(self._pixels(target_side), self.size)
        except Exception as error:  # Pillow's plugins raise whatever a damaged file leads them to
            raise UnreadablePicture(damaged(self._name, self._num_bytes, error)) from error
        finally:
            self._image.close()  # a caller may keep hundreds of these, and Pillow all pixels of each

    def _pixels(self, target_side: int | None) -> UInt8:
        image = self._image
        shrink = _shrink(image, target_side)
        if shrink > 1 and isinstance(image, JpegImageFile):
            width, height = image.size
            image.draft(None, (max(width // shrink, 1), max(height // shrink, 1)))
            shrink = _shrink(image, target_side)
        image.load()
        # after loading: a PNG may tell its orientation behind its pixels
        return _as_grey(_upright(pixels_of(image, shrink), image))


def open_picture(data: bytes | memoryview) -> OpenedPicture:
    """Read the header of a picture in one of `fashion.formats.FORMATS`. Raises UnreadablePicture."""
    data = bytes(data)
    return OpenedPicture(*open_image(data), len(data))


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
    if plain is not None and plain.size <= max_pixels:
        return Picture(plain, (plain.shape[1], plain.shape[0]))
    return open_picture(data).decode(max_pixels=max_pixels, target_side=target_side)


def _shrink(image: ImageFile, target_side: int | None) -> int:
    """Find the largest whole factor that leaves the longer side at least `target_side` pixels."""
    return max(max(image.size) // target_side, 1) if target_side else 1


def _upright(pixels: UInt8, image: ImageFile) -> UInt8:
    """Undo the EXIF orientation; of a TIFF and a HEIC their decoders have, and say so no more."""
    exif = image.info.get("exif")
    turn = turn_of(exif) if isinstance(exif, bytes) else None
    return pixels if turn is None else np.asarray(Image.fromarray(pixels).transpose(turn))


def _as_grey(pixels: UInt8) -> UInt8:
    """Drop the equal channels of a small RGB picture that is all grey."""
    if pixels.ndim == 2 or pixels.size > 3 * 28 * 28:
        return pixels
    channels = pixels.tobytes()  # slices of bytes compare several times faster than arrays this small
    red = channels[::3]
    if channels[1::3] != red or channels[2::3] != red:
        return pixels
    return np.frombuffer(red, np.uint8).reshape(pixels.shape[:2])
