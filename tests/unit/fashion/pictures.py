"""Pictures for the tests of decoding and preparation: drawn here, encoded by Pillow or byte by byte."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageDraw

UInt8 = NDArray[np.uint8]

SHIRT = ((0.30, 0.12), (0.42, 0.18), (0.58, 0.18), (0.70, 0.12), (0.92, 0.34), (0.80, 0.46), (0.72, 0.38),
         (0.72, 0.90), (0.28, 0.90), (0.28, 0.38), (0.20, 0.46), (0.08, 0.34))  # fmt: skip


def photograph(
    garment: tuple[int, int, int] = (40, 50, 90),
    background: tuple[int, int, int] = (225, 220, 210),
    size: tuple[int, int] = (400, 500),
    noise: float = 6.0,
) -> Image.Image:
    """Draw a shirt in the middle of a noisy floor."""
    width, height = size
    image = Image.new("RGB", size, background)
    ImageDraw.Draw(image).polygon([(x * width, y * height) for x, y in SHIRT], fill=garment)
    grain = np.random.default_rng(1).normal(0, noise, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def network_input(seed: int = 5) -> UInt8:
    """Draw 28x28 grey pixels of every level."""
    return np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)


def corners(width: int = 48, height: int = 32) -> Image.Image:
    """Draw a picture that looks different in each of the 8 orientations."""
    image = Image.new("RGB", (width, height), (120, 130, 140))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2, height // 4), fill=(250, 20, 20))
    draw.rectangle((0, 0, width // 8, height - 1), fill=(20, 220, 30))
    return image


def encoded(image: Image.Image | UInt8, kind: str = "PNG", **options: Any) -> bytes:
    """Encode in a format by Pillow's name of it, or HEIC."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    target = BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(image).save(target, **options)
    else:
        image.save(target, kind, **options)
    return target.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Build one chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    colour: int = 0,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Build a PNG from rows with their filter bytes, and from chunks before and after the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 9))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + before + pixels + after + png_chunk(b"IEND", b"")


def exif(orientation: int, order: str = "<") -> bytes:
    """Build an EXIF block that tells an orientation."""
    magic = b"II*\x00" if order == "<" else b"MM\x00*"
    return magic + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def difference(first: UInt8, second: UInt8) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(first.astype(float) - second.astype(float)).mean())
