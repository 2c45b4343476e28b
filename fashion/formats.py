"""Which picture formats are read, and how bytes become an opened, not yet decoded, Pillow image.

The format is told from the first bytes and one Pillow class is called for it, not `Image.open`: that would
try 44 formats (EPS through Ghostscript among them), and costs a third of the time of a small picture.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif.as_plugin import HeifImageFile

from fashion.decoding_cost import check_cost
from fashion.errors import PictureTooLarge, UnreadablePicture

FORMATS: Final[dict[str, Callable[[BytesIO], ImageFile]]] = {
    "JPEG": JpegImageFile,  # not Pillow's factory: of a multi-picture JPEG the first picture is enough
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "AVIF": AvifImageFile,
    "HEIC": HeifImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),  # BigTIFF
    (b"MM\x00+", "TIFF"),
)
_AVIF_BRANDS: Final = frozenset((b"avif", b"avis"))
_HEIC_BRANDS: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_CONTAINER_BRANDS: Final = frozenset((b"mif1", b"msf1"))  # of either: the compatible brands tell


def format_of(data: bytes) -> str | None:
    """Tell the format from the first bytes: a key of `FORMATS`, or None for anything else."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return _format_of_brands(data)
    return None


def _format_of_brands(data: bytes) -> str | None:
    """Tell AVIF from HEIC by the brands in the `ftyp` box: both are the same container (ISO 14496-12)."""
    major = data[8:12]
    if major in _AVIF_BRANDS:
        return "AVIF"
    if major in _HEIC_BRANDS:
        return "HEIC"
    if major not in _CONTAINER_BRANDS:
        return None
    end = min(int.from_bytes(data[:4], "big"), 256)
    compatible = {data[start : start + 4] for start in range(16, end, 4)}
    return "AVIF" if compatible & _AVIF_BRANDS else "HEIC"


def open_image(data: bytes) -> tuple[str, ImageFile]:
    """Read the header: the format's name and the Pillow image, whose pixels are not decoded yet.

    Raises UnreadablePicture, and PictureTooLarge where Pillow's own limit is met first.
    """
    name = format_of(data)
    if name is None:
        raise UnreadablePicture(_not_a_picture(data))
    try:
        check_cost(name, data)
        return name, FORMATS[name](BytesIO(data))
    except UnreadablePicture:
        raise
    except DecompressionBombError as error:  # by those plugins that would allocate memory while opening
        raise PictureTooLarge(f"expected a picture of fewer pixels: {error}") from error
    except Exception as error:  # Pillow's plugins raise whatever a damaged file leads them to
        raise UnreadablePicture(damaged(name, len(data), error)) from error


def damaged(name: str, num_bytes: int, error: Exception) -> str:
    """Say that a picture of a known format cannot be decoded, with what the decoder said about it."""
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return f"expected a complete {name} picture, but its {num_bytes:,} bytes cannot be decoded: {reason}"


def _not_a_picture(data: bytes) -> str:
    expected = f"expected a picture as {', '.join(FORMATS)}"
    if not data:
        return f"{expected}, got no bytes"
    return f"{expected}, got {len(data):,} bytes that start with {data[:12]!r}"
