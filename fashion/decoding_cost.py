"""Refuses files that are cheap to send and take minutes to decode, however few pixels they have.

Pillow walks the parts of a file (chunks, segments, blocks, strips) in Python, and libjpeg passes over all
pixels once a scan. Both counts are the sender's choice, so they get a limit far above what encoders write.
Too many pixels are the caller's business, see `fashion.decoding`.
"""

import re
import struct
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from typing import Final

from fashion.errors import UnreadablePicture

MAX_PARTS: Final = 10_000  # an 80 MB PNG in libpng's 8 kB chunks has as many
MAX_JPEG_SCANS: Final = 32  # progressive encoders write about 10
MAX_RUN_LENGTH_BYTES: Final = 4_000_000  # of a run-length coded BMP: Pillow decodes those in Python

_SMALLEST_PART: Final = 3  # bytes: an empty GIF extension
_JPEG_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_SCAN_MARKER: Final = re.compile(rb"\xff\xda")
_JPEG_START, _JPEG_END, _JPEG_SCAN, _JPEG_TEMPORARY = 0xD8, 0xD9, 0xDA, 0x01


def check_cost(name: str, data: bytes) -> None:
    """Raise UnreadablePicture where a file of the format `name` would take far too long to decode."""
    could_be_many = name in _PARTS and len(data) > MAX_PARTS * _SMALLEST_PART
    if could_be_many and sum(1 for _ in islice(_PARTS[name](data), MAX_PARTS + 1)) > MAX_PARTS:
        raise UnreadablePicture(f"expected a {name} of at most {MAX_PARTS:,} parts, got more: save it anew")
    if name == "JPEG" and _num_scans_above(data, MAX_JPEG_SCANS):
        raise UnreadablePicture(f"expected a JPEG of at most {MAX_JPEG_SCANS} scans, got more: save it anew")
    if name == "BMP" and len(data) > MAX_RUN_LENGTH_BYTES and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        raise UnreadablePicture(
            f"expected a run-length coded BMP of at most {MAX_RUN_LENGTH_BYTES:,} bytes, got {len(data):,}: "
            "save it as PNG"
        )


def _num_scans_above(data: bytes, limit: int) -> bool:
    """Whether a JPEG has more scans than `limit`; they are counted exactly only where that could be."""
    could_be = _JPEG_SCAN_MARKER.finditer(data)  # which takes a third of the time of bytes.count
    if sum(1 for _ in islice(could_be, limit + 1)) <= limit:
        return False
    scans = (marker for marker, _ in _jpeg_segments(data) if marker == _JPEG_SCAN)
    return sum(1 for _ in islice(scans, limit + 1)) > limit


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker up to the end, and the number of stray bytes before it (ITU-T T.81, annex B)."""
    position = 2
    while (found := _JPEG_MARKER.search(data, position)) is not None:
        marker = data[found.start() + 1]
        yield marker, found.start() - position
        if marker == _JPEG_END:
            return
        position = found.end()
        if marker not in (_JPEG_START, _JPEG_TEMPORARY):
            position += int.from_bytes(data[position : position + 2], "big")
    yield _JPEG_END, max(len(data) - position, 0)


def _jpeg_header_parts(data: bytes) -> Iterator[None]:
    """Yield once for every segment before the pixels, and for every stray byte between them."""
    for marker, num_stray in _jpeg_segments(data):
        yield from repeat(None, num_stray + 1)
        if marker == _JPEG_SCAN:
            return


def _png_chunks(data: bytes) -> Iterator[None]:
    position = 8
    while position < len(data):
        yield None
        position += 12 + int.from_bytes(data[position : position + 4], "big")


def _gif_blocks(data: bytes) -> Iterator[None]:
    """Yield once for every extension, and every block of one, before the first frame (GIF89a, 15 to 26)."""
    has_palette, palette_size = data[10] & 0x80, 3 << ((data[10] & 7) + 1)
    position = 13 + (palette_size if has_palette else 0)
    while data[position : position + 1] == b"!":
        yield None
        position += 2
        while position < len(data) and (length := data[position]):
            yield None
            position += 1 + length
        position += 1


def _tiff_strips(data: bytes) -> Iterator[None]:
    """Yield once for every entry of the first directory, and every strip or tile that it lists (TIFF 6.0)."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    start = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)[0]
    entry = struct.Struct(order + ("HHQ8x" if is_big else "HHI4x"))
    num_entries = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)[0]
    first = start + (8 if is_big else 2)
    for position in range(first, min(first + num_entries * entry.size, len(data) - entry.size), entry.size):
        tag, _, count = entry.unpack_from(data, position)
        yield from repeat(None, count if tag in (273, 324) else 1)  # StripOffsets, TileOffsets


_PARTS: Final[dict[str, Callable[[bytes], Iterator[None]]]] = {
    "JPEG": _jpeg_header_parts,
    "PNG": _png_chunks,
    "GIF": _gif_blocks,
    "TIFF": _tiff_strips,
}
