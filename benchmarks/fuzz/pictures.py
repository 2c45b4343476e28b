"""Pictures of every format that the service reads, and what becomes of their bytes in bad hands."""

import io
from functools import cache
from typing import Final

import numpy as np
import pillow_heif
from hypothesis import strategies as st
from PIL import Image

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
_MOST_CHANGES: Final = 6

Change = tuple[str, int, bytes]


@cache
def samples() -> tuple[bytes, ...]:
    """Small valid pictures: every format, and the modes that PNG, TIFF and JPEG have besides."""
    pillow_heif.register_heif_opener()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    colour = Image.fromarray(pixels)
    grey = colour.convert("L").resize((28, 28))
    turned = Image.Exif()
    turned[0x0112] = 6
    made = [_encoded(colour, name) for name in _FORMATS]
    made += [_encoded(grey.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")]
    made += [_encoded(grey.convert(mode), "TIFF") for mode in ("L", "CMYK", "F", "YCbCr")]
    made += [_encoded(colour.convert("CMYK"), "JPEG"), _encoded(colour, "JPEG", exif=turned)]
    made.append(_encoded(colour, "JPEG", progressive=True))
    return tuple(made)


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def apply(data: bytes, changes: list[Change]) -> bytes:
    """The bytes with one change after the other, each at its share of the length."""
    for kind, place, piece in changes:
        at = place * len(data) // 10_000
        if kind == "overwrite":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "cut":
            data = data[:at] + data[at + 1 + len(piece) * 8 :]
        elif kind == "end":
            data = data[:at]
        else:
            data = data[:at] + data[at : at + 64] * 3 + data[at:]
    return data


# Numbers at the limits of the fields that formats have, among any bytes.
_pieces = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00", b"\x00" * 8]),
)
_kinds = st.sampled_from(["overwrite"] * 6 + ["insert", "cut", "end", "repeat"])
changes: Final = st.lists(st.tuples(_kinds, st.integers(0, 10_000), _pieces), max_size=_MOST_CHANGES)


def changed(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Of any bytes, what a few changes make of them."""
    return st.builds(apply, data, changes)


def pictures() -> st.SearchStrategy[bytes]:
    """Pictures, more or less."""
    return changed(st.sampled_from(samples()))
