"""Which way up a picture was taken: the EXIF orientation, and the turn that undoes it.

Read here and not by Pillow, which loads the whole directory first and warns about whatever is odd in it.
"""

import struct
from typing import Final

from PIL.Image import Transpose

_TAG: Final = 0x0112
_SHORT: Final = 3  # the only type that the orientation may have

UPRIGHT: Final = {  # EXIF 2.32, section 4.6.4
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def turn_of(exif: bytes) -> Transpose | None:
    """Tell what brings a picture with this EXIF block upright; None where it is, or nothing is told."""
    block = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(block[:4])
    if order is None or len(block) < 10:
        return None
    start: int = struct.unpack_from(order + "I", block, 4)[0]
    if start + 2 > len(block):
        return None
    num_entries: int = struct.unpack_from(order + "H", block, start)[0]
    for position in range(start + 2, min(start + 2 + 12 * num_entries, len(block) - 11), 12):
        tag, kind, _, orientation = struct.unpack_from(order + "HHIH", block, position)
        if (tag, kind) == (_TAG, _SHORT):
            return UPRIGHT.get(orientation)
    return None
