"""Reading IDX files: the published one becomes an array, everything else is refused by name."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fashion.errors import DatasetError
from training.idx import IdxFile, md5_of, read_idx

NAME = "train-images-idx3-ubyte.gz"
IMAGES = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)


def idx(array: np.ndarray, *, magic: int | None = None, shape: tuple[int, ...] | None = None) -> bytes:
    shape = array.shape if shape is None else shape
    magic = 0x0800 + len(shape) if magic is None else magic
    return struct.pack(f">I{len(shape)}I", magic, *shape) + array.tobytes()


def publish(folder: Path, content: bytes, shape: tuple[int, ...] = IMAGES.shape) -> IdxFile:
    """Write `content` as it is and describe it truthfully, but for the shape."""
    (folder / NAME).write_bytes(content)
    return IdxFile(NAME, len(content), md5_of(content), shape)


@given(array=arrays(np.uint8, array_shapes(max_dims=4, max_side=6)))
def test_any_array_comes_back_as_it_was_written(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp("idx")
    file = publish(folder, gzip.compress(idx(array)), array.shape)

    assert np.array_equal(read_idx(folder, file), array)


def test_the_array_can_be_written_to_as_torch_demands(tmp_path):
    file = publish(tmp_path, gzip.compress(idx(IMAGES)))

    assert read_idx(tmp_path, file).flags.writeable


def test_a_missing_file_is_refused_with_where_to_get_it(tmp_path):
    with pytest.raises(DatasetError) as caught:
        read_idx(tmp_path, IdxFile(NAME, 26_421_880, "0" * 32, IMAGES.shape))

    message = str(caught.value)
    assert str(tmp_path / NAME) in message
    assert "26,421,880 bytes" in message
    assert "http://fashion-mnist.s3-website" in message
    assert "FASHION_MNIST_DIR" in message


@given(position=st.integers(0, 199))
def test_one_altered_byte_is_refused_with_both_checksums(tmp_path_factory, position):
    folder = tmp_path_factory.mktemp("idx")
    content = gzip.compress(idx(IMAGES))[:200]
    file = publish(folder, content)
    altered = bytearray(content)
    altered[position] ^= 0xFF
    (folder / NAME).write_bytes(altered)

    with pytest.raises(DatasetError) as caught:
        read_idx(folder, file)

    message = str(caught.value)
    assert str(folder / NAME) in message
    assert f"expected 200 bytes with MD5 {file.md5}" in message
    assert f"came 200 bytes with MD5 {md5_of(bytes(altered))}" in message


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"no gzip at all", "no complete gzip file"),
        (gzip.compress(idx(IMAGES))[:-20], "no complete gzip file"),
        (gzip.compress(b"\0\0\x08"), "expected an IDX header of 16 bytes, came 3 bytes"),
        (gzip.compress(idx(IMAGES, magic=0x0801)), "expected the magic number 0x00000803, came 0x00000801"),
        (gzip.compress(idx(IMAGES, magic=0x0D03)), "expected the magic number 0x00000803, came 0x00000d03"),
        (
            gzip.compress(idx(IMAGES, shape=(4, 28, 28))),
            r"expected an array of \(3, 28, 28\), came \(4, 28, 28\)",
        ),
        (gzip.compress(idx(IMAGES[:2], shape=(3, 28, 28))), "expected 2,352 elements, came 1,568"),
        (gzip.compress(idx(IMAGES) + b"more"), "expected 2,352 elements, came 2,356"),
    ],
    ids=["text", "cut", "no header", "labels", "floats", "another count", "too few", "too many"],
)
def test_a_published_file_that_holds_something_else_is_refused_by_name(tmp_path, content, complaint):
    file = publish(tmp_path, content)

    with pytest.raises(DatasetError, match=complaint) as caught:
        read_idx(tmp_path, file)

    assert str(tmp_path / NAME) in str(caught.value)
