"""What a picture looks like does not depend on how it was stored."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashion.decoding import decode, open_picture, probe_size
from fashion.errors import PictureTooLarge, UnreadablePicture
from tests.unit.fashion.pictures import (
    corners,
    difference,
    encoded,
    exif,
    network_input,
    photograph,
    png,
    png_chunk,
)

LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {},
    "BMP": {},
    "WEBP": {"lossless": True},
}
LOSSY: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90},
    "HEIC": {"quality": 95},
    "GIF": {},
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_format_gives_the_very_pixels(kind: str) -> None:
    image = corners()
    decoded = decode(encoded(image, kind, **LOSSLESS[kind]))
    np.testing.assert_array_equal(decoded.pixels, np.asarray(image))
    assert decoded.size == image.size


@pytest.mark.parametrize("kind", LOSSY)
def test_a_lossy_format_gives_nearly_the_pixels(kind: str) -> None:
    image = corners()
    decoded = decode(encoded(image, kind, **LOSSY[kind]))
    assert decoded.pixels.shape == (32, 48, 3)
    assert difference(decoded.pixels, np.asarray(image)) < 6


@pytest.mark.parametrize("kind", ["PPM", "ICO", "JPEG2000", "TGA", "PCX", "EPS", "PDF", "SGI", "DDS"])
def test_other_formats_that_pillow_knows_are_refused(kind: str) -> None:
    with pytest.raises(UnreadablePicture, match="expected a picture as JPEG, PNG"):
        decode(encoded(corners(), kind))


@pytest.mark.parametrize("data", [b"", b"GIF", b"<svg/>", b"http://example.org/shoe.jpg", bytes(100)])
def test_what_is_no_picture_is_refused_with_what_came(data: bytes) -> None:
    with pytest.raises(UnreadablePicture, match="got no bytes" if not data else f"got {len(data)} bytes"):
        decode(data)


def test_a_video_in_the_container_of_heic_is_refused() -> None:
    video = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + bytes(64)
    with pytest.raises(UnreadablePicture, match="expected a picture as"):
        decode(video)


def test_avif_under_the_general_brand_is_told_by_its_compatible_brands() -> None:
    data = bytearray(encoded(corners(), "AVIF", quality=90))
    assert data[8:12] == b"avif"
    data[8:12] = b"mif1"
    assert decode(bytes(data)).size == (48, 32)


def test_a_memoryview_is_read_like_bytes() -> None:
    assert decode(memoryview(encoded(corners()))).size == (48, 32)


UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_all_eight_orientations_show_the_same_picture(kind: str, orientation: int) -> None:
    upright = corners()
    stored = upright.transpose(UNDO[orientation]) if orientation > 1 else upright
    options: dict[str, Any] = dict(LOSSLESS.get(kind, LOSSY.get(kind, {})))
    if kind == "TIFF":
        options["tiffinfo"] = {274: orientation}
    else:
        options["exif"] = b"Exif\x00\x00" + exif(orientation)
    decoded = decode(encoded(stored, kind, **options))
    assert decoded.pixels.shape == (32, 48, 3)
    assert difference(decoded.pixels, np.asarray(upright)) < 6


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_both_byte_orders_and_behind_the_pixels(order: str) -> None:
    rows = b"\x00\x01\x02\x03\x00\x04\x05\x06"
    data = png(3, 2, rows, after=png_chunk(b"eXIf", exif(6, order)))
    np.testing.assert_array_equal(decode(data).pixels, [[4, 1], [5, 2], [6, 3]])


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\x00", exif(6)[:20], exif(0), exif(9), b"II*\x00\xff\xff\xff\xff" + bytes(20), b"junk" * 9],
)
def test_a_damaged_orientation_leaves_the_picture_as_stored(block: bytes) -> None:
    data = png(2, 1, b"\x00\x07\x09", before=png_chunk(b"eXIf", block))
    np.testing.assert_array_equal(decode(data).pixels, [[7, 9]])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    levels = network_input().astype(np.uint16) * 257
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(levels), kind)).pixels, network_input())


def test_sixteen_bit_grey_in_the_other_byte_order_is_scaled() -> None:
    levels = network_input().astype(">u2") * 257
    image = Image.frombytes("I;16B", (28, 28), levels.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode(encoded(image, "TIFF")).pixels, network_input())


def test_sixteen_bit_colour_is_scaled() -> None:
    rows = b"\x00" + b"".join(level.to_bytes(2, "big") for level in (0xFFFF, 0x8000, 0x0100))
    assert decode(png(1, 1, rows, depth=16, colour=2)).pixels.tolist() == [[[255, 128, 1]]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 128.0, 255.0], [0, 128, 255]),
        ([0.0, 32768.0, 65535.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, 1.0, 0.5], [0, 255, 128]),
        ([np.inf, 1.0, -np.inf], [0, 255, 0]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([3e38, -3e38, 0.0], [255, 0, 128]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_floats_are_scaled_by_their_range_and_nan_is_black(values: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], np.float32))
    assert decode(encoded(image, "TIFF")).pixels.tolist() == [expected]


@pytest.mark.parametrize("white", [200, 60000, 4_000_000])
def test_whole_numbers_of_32_bits_are_scaled_by_their_range(white: int) -> None:
    image = Image.fromarray(np.array([[0, white // 2, white]], np.int32))
    black, middle, top = decode(encoded(image, "TIFF")).pixels[0].tolist()
    assert black == 0
    assert middle == pytest.approx(top / 2, abs=1)


def test_one_bit_pictures_are_black_and_white() -> None:
    image = Image.new("1", (10, 10), 1)
    image.paste(0, (0, 0, 5, 10))
    assert decode(encoded(image)).pixels[0].tolist() == [0] * 5 + [255] * 5


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_turned_into_the_colours_it_prints(kind: str) -> None:
    pixels = decode(encoded(corners().convert("CMYK"), kind)).pixels
    assert difference(pixels, np.asarray(corners())) < 8


def test_lab_is_turned_into_the_colours_it_describes() -> None:
    light_red = Image.new("LAB", (4, 4), (160, 200, 180))
    red, green, blue = decode(encoded(light_red, "TIFF")).pixels[0, 0].tolist()
    assert red > green
    assert red > blue


def test_a_palette_gives_its_colours() -> None:
    image = corners().quantize(8)
    np.testing.assert_array_equal(decode(encoded(image)).pixels, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
def test_of_several_frames_the_first_is_shown(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), level) for level in ((200, 10, 10), (10, 200, 10), (10, 10, 200))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    red, green, _ = decode(data).pixels[20, 20].tolist()
    assert red > 150 > green


@pytest.mark.parametrize("size", [(1, 1), (1, 28), (10_000, 1), (1, 10_000), (10_000, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("target_side", [None, 128])
def test_pictures_of_odd_shapes_are_decoded(
    size: tuple[int, int], kind: str, target_side: int | None
) -> None:
    decoded = decode(encoded(Image.new("RGB", size, (90, 60, 30)), kind), target_side=target_side)
    assert decoded.size == size
    assert decoded.pixels.min() > 10


@pytest.mark.parametrize(
    ("kind", "progressive"),
    [("JPEG", False), ("JPEG", True), ("PNG", False), ("WEBP", False), ("BMP", False), ("GIF", False)],
)
def test_a_large_picture_comes_out_between_once_and_twice_the_side_asked_for(
    kind: str, progressive: bool
) -> None:
    image = photograph(size=(1500, 1100))
    data = encoded(image, kind, progressive=progressive) if kind == "JPEG" else encoded(image, kind)
    decoded = decode(data, target_side=128)
    assert decoded.size == (1500, 1100)
    assert 128 <= max(decoded.pixels.shape) < 256
    height, width = decoded.pixels.shape[:2]
    assert difference(decoded.pixels, np.asarray(image.resize((width, height), Image.Resampling.BOX))) < 3


def test_wide_numbers_and_transparency_are_reduced_too() -> None:
    grey = np.tile(np.arange(1000, dtype=np.uint16) * 65, (1000, 1))
    decoded = decode(encoded(Image.fromarray(grey)), target_side=100)
    np.testing.assert_allclose(decoded.pixels[0], np.arange(4.5, 1000, 10) * 65 / 257, atol=0.51)
    clear = Image.new("RGBA", (1000, 1000), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (500, 0, 1000, 1000))
    row = decode(encoded(clear), target_side=100).pixels[50, :, 0]
    assert (row[:50].min(), row[50:].max()) == (255, 0)


def test_a_smaller_picture_is_not_enlarged() -> None:
    assert decode(encoded(corners()), target_side=128).pixels.shape == (32, 48, 3)


def test_the_size_is_read_from_the_header_alone() -> None:
    whole = encoded(photograph(), "JPEG")
    assert probe_size(whole[:1000]) == (400, 500)
    opened = open_picture(whole[:1000])
    assert opened.num_pixels == 200_000
    with pytest.raises(UnreadablePicture, match="expected a complete JPEG picture"):
        opened.decode()


def test_too_many_pixels_are_refused_before_a_pixel_is_read() -> None:
    no_pixels_at_all = png(50_000, 50_000, b"")
    with pytest.raises(
        PictureTooLarge, match="at most 50,000,000 pixels, got 50,000 x 50,000 = 2,500,000,000"
    ):
        decode(no_pixels_at_all)


def test_the_limit_on_pixels_is_the_callers() -> None:
    data = encoded(network_input())
    assert decode(data, max_pixels=784).grey_exact
    with pytest.raises(PictureTooLarge, match="at most 783 pixels"):
        decode(data, max_pixels=783)


def test_grey_is_recognised_however_a_small_picture_stores_it() -> None:
    grey = Image.fromarray(network_input())
    for mode in ("L", "RGB", "P", "RGBA", "LA"):
        decoded = decode(encoded(grey.convert(mode)))
        assert decoded.grey_exact, mode
        np.testing.assert_array_equal(decoded.pixels, network_input())
    coloured = np.asarray(grey.convert("RGB")).copy()
    coloured[27, 27, 2] ^= 1
    assert not decode(encoded(coloured)).grey_exact


def test_the_short_cut_for_network_inputs_reads_what_pillow_reads() -> None:
    for seed in range(20):
        for options in ({}, {"optimize": True}, {"compress_level": 0}, {"compress_level": 9}):
            data = encoded(network_input(seed), **options)
            np.testing.assert_array_equal(decode(data).pixels, np.asarray(Image.open(BytesIO(data))))


@pytest.mark.parametrize("position", [20, 45, 300, 700])
def test_a_damaged_network_input_is_not_let_through_by_the_short_cut(position: int) -> None:
    data = bytearray(encoded(network_input()))
    data[position] ^= 0x55
    with pytest.raises(UnreadablePicture):
        decode(bytes(data))
