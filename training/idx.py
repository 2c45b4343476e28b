"""The IDX format: a published file as an array, or a refusal that names the file.

IDX is the format of MNIST: two zero bytes, a type code, the number of axes, each axis's length as a
big-endian 32-bit integer, then the elements, last axis fastest. The MD5 decides whether a file is the
published one; the header is still read rather than skipped, so that an entry with the wrong facts cannot pass
as data.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fashion.errors import DatasetError
from training.locations import FASHION_MNIST_ADDRESSES, FASHION_MNIST_SETTING

_UNSIGNED_BYTE = 0x08

_WHERE_TO_GET_IT = (
    f"Get it from {FASHION_MNIST_ADDRESSES[0]}, or leave out --data and {FASHION_MNIST_SETTING} to have all "
    f"four files downloaded."
)


@dataclass(frozen=True, slots=True)
class IdxFile:
    """A gzipped IDX file of unsigned bytes, as its publisher describes it.

    `num_bytes` and `md5` are of the compressed file, `shape` of the array within.
    """

    name: str
    num_bytes: int
    md5: str
    shape: tuple[int, ...]

    @property
    def magic(self) -> int:
        """The first four bytes of the decompressed file, as a big-endian integer."""
        return _UNSIGNED_BYTE << 8 | len(self.shape)


def md5_of(data: bytes) -> str:
    """Return the MD5 in hexadecimal: proof against damage and mix-ups, not against an attacker."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def read_idx(folder: Path, file: IdxFile) -> NDArray[np.uint8]:
    """Read `file` from `folder` as a writable array of `file.shape`.

    Raises:
        DatasetError: the file is missing, is not the published one, or holds something else than `file` says.
    """
    path = folder / file.name
    try:
        compressed = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error.strerror}): expected the published {file.name} of "
            f"{file.num_bytes:,} bytes. {_WHERE_TO_GET_IT}"
        ) from error
    found = md5_of(compressed)
    if found != file.md5:
        raise DatasetError(
            f"{path} is not the published file: expected {file.num_bytes:,} bytes with MD5 {file.md5}, came "
            f"{len(compressed):,} bytes with MD5 {found}. MNIST's files have the same names, and so do "
            f"Fashion-MNIST releases from before 31 August 2017, whose test split overlaps with training. "
            f"{_WHERE_TO_GET_IT}"
        )
    return _parse(_decompress(compressed, path), file, path)


def _decompress(compressed: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is no complete gzip file: {error}. {_WHERE_TO_GET_IT}") from error


def _parse(content: bytes, file: IdxFile, path: Path) -> NDArray[np.uint8]:
    header_bytes = 4 + 4 * len(file.shape)
    if len(content) < header_bytes:
        raise DatasetError(
            f"{path}: expected an IDX header of {header_bytes} bytes, came {len(content)} bytes in all."
        )
    magic, *shape = struct.unpack(f">I{len(file.shape)}I", content[:header_bytes])
    if magic != file.magic:
        raise DatasetError(f"{path}: expected the magic number 0x{file.magic:08x}, came 0x{magic:08x}.")
    if tuple(shape) != file.shape:
        raise DatasetError(f"{path}: expected an array of {file.shape}, came {tuple(shape)}.")
    elements = np.frombuffer(content, np.uint8, offset=header_bytes)
    expected = int(np.prod(file.shape))
    if elements.size != expected:
        raise DatasetError(f"{path}: expected {expected:,} elements, came {elements.size:,}.")
    return elements.reshape(file.shape).copy()
