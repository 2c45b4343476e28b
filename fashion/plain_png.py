"""A short cut for the picture that is sent most: a 28x28 8-bit grey PNG as every encoder writes it.

Pillow's PNG class takes twice as long over it. Whatever is unusual in the file, and whatever is wrong with
it, is left to that class.
"""

import struct
import zlib
from typing import Final

import numpy as np
from PIL import Image

from fashion.pixels import UInt8

_SIDE: Final = 28
_HEADER_FIELDS: Final = b"IHDR" + struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
# Signature, then length, name, fields and checksum of the first chunk: the same 33 bytes in each such file.
_HEADER: Final = b"\x89PNG\r\n\x1a\n" + struct.pack(
    ">I17sI", len(_HEADER_FIELDS) - 4, _HEADER_FIELDS, zlib.crc32(_HEADER_FIELDS)
)
_DATA_START: Final = len(_HEADER) + 8
_END: Final = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


def read_plain_png(data: bytes) -> UInt8 | None:
    """Read pixels (28, 28) of a file that is header, one data chunk and end; None of any other file."""
    if not data.startswith(_HEADER) or data[37:41] != b"IDAT" or not data.endswith(_END):
        return None
    size = int.from_bytes(data[33:37], "big")
    if _DATA_START + size + 4 + len(_END) != len(data):
        return None
    compressed = data[_DATA_START : _DATA_START + size]
    try:
        image = Image.frombytes("L", (_SIDE, _SIDE), compressed, "zip", "L", 0)
    except ValueError:
        return None
    return np.frombuffer(image.tobytes(), np.uint8).reshape(_SIDE, _SIDE)
