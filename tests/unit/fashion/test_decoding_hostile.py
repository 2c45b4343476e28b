"""Whatever is sent, decoding ends soon, within its limits, and complains in one way only."""

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from fashion.decoding import Picture, decode, open_picture
from fashion.decoding_cost import MAX_JPEG_SCANS, MAX_PARTS
from fashion.errors import PictureError, PictureTooLarge, UnreadablePicture
from fashion.preparation import prepare
from tests.unit.fashion.pictures import corners, encoded, network_input, photograph, png, png_chunk

KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIC", "GIF", "BMP", "TIFF")
MANY = MAX_PARTS + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused_as_such(kind: str, share: float) -> None:
    whole = encoded(photograph(size=(200, 150)), kind)
    with pytest.raises(UnreadablePicture, match="expected a complete"):
        decode(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_with_nothing_behind_it_is_refused(kind: str) -> None:
    with pytest.raises(UnreadablePicture, match="expected a complete"):
        decode(encoded(corners(), kind)[:16])


def test_the_message_is_short_and_holds_no_address() -> None:
    with pytest.raises(UnreadablePicture) as caught:
        decode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 1000)
    assert len(str(caught.value)) < 250
    assert " at 0x" not in str(caught.value)


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"zTXt", b"key\x00\x00" + zlib.compress(bytes(50_000_000), 9)),
        png_chunk(b"iTXt", b"key\x00\x01\x00\x00\x00" + zlib.compress(bytes(50_000_000), 9)),
        png_chunk(b"iCCP", b"key\x00\x00" + zlib.compress(bytes(50_000_000), 9)),
        b"".join(
            png_chunk(b"zTXt", b"%d\x00\x00" % n + zlib.compress(bytes(1_000_000), 9)) for n in range(80)
        ),
    ],
    ids=["text", "unicode text", "profile", "many texts"],
)
def test_text_that_unpacks_to_megabytes_is_refused(chunk: bytes) -> None:
    with pytest.raises(UnreadablePicture, match=r"too large|Too much"):
        decode(png(1, 1, b"\x00\x00", before=chunk))


def gif(screen: int, frame: int, extensions: bytes = b"") -> bytes:
    """Build a GIF of one frame."""
    header = b"GIF89a" + struct.pack("<HH", screen, screen) + b"\x80\x00\x00" + bytes(6)
    return header + extensions + b"," + struct.pack("<HHHH", 0, 0, frame, frame) + b"\x00\x02\x02D\x01\x00;"


def test_a_gif_of_one_pixel_is_read() -> None:
    assert decode(gif(1, 1, b"!\xfe\x05hello\x00")).size == (1, 1)


@pytest.mark.parametrize(
    "data",
    [
        gif(65_535, 1),
        gif(1, 65_535),
        b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + bytes(4) + b"\xff\xff\xff\xff\x0f\x00",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 65_535, 65_535, 1, 24, 0, 0, 0, 0, 0, 0),
        encoded(Image.new("RGB", (7_200, 7_200)), "WEBP", lossless=True, method=0),
    ],
    ids=["GIF screen", "GIF frame", "WebP canvas", "BMP", "WebP"],
)
def test_a_huge_picture_is_refused_by_its_header_in_every_format(data: bytes) -> None:
    with pytest.raises(PictureTooLarge, match="pixels"):
        decode(data)


def test_a_tiff_that_claims_many_pixels_is_refused() -> None:
    data = encoded(Image.new("1", (9_000, 9_000)), "TIFF", compression="group4")
    assert len(data) < 100_000
    with pytest.raises(PictureTooLarge, match="9,000 x 9,000"):
        decode(data)


def tiff_of_strips(count: int) -> bytes:
    """Build a TIFF that is one pixel wide, a strip a row, all of them the same byte."""
    entries = (
        (256, 1),
        (257, count),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 200),
        (278, 1),
        (279, 200 + 4 * count),
    )
    counts = {273: count, 279: count}
    directory = b"".join(struct.pack("<HHII", tag, 4, counts.get(tag, 1), value) for tag, value in entries)
    start = b"II*\x00" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return start.ljust(200, b"\x07") + struct.pack("<I", 150) * count + struct.pack("<I", 1) * count


def test_a_tiff_of_a_strip_a_row_is_read() -> None:
    assert decode(tiff_of_strips(50)).pixels.tolist() == [[7]] * 50


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * MANY,
        b"\xff\xd8" + b"\xff" * 3 * MANY,
        b"\xff\xd8\xff\xfe\x00\x02" + bytes(3 * MANY),
        png(1, 1, b"\x00\x00", before=png_chunk(b"abCd", b"") * MANY),
        png(1, 1, b"\x00\x00", after=png_chunk(b"IDAT", b"") * MANY),
        gif(1, 1, b"!\xfe\x00" * MANY),
        gif(1, 1, b"!\xfe" + b"\x01a" * 2 * MANY),
        tiff_of_strips(MANY),
    ],
    ids=[
        "JPEG segments",
        "JPEG padding",
        "JPEG junk",
        "PNG chunks",
        "PNG data",
        "GIF extensions",
        "GIF blocks",
        "TIFF",
    ],
)
def test_a_file_of_very_many_parts_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadablePicture, match="at most 10,000 parts"):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF"])
def test_a_large_ordinary_file_has_few_parts(kind: str) -> None:
    data = encoded(photograph(size=(900, 700), noise=40), kind)
    assert len(data) > 100_000
    assert decode(data).size == (900, 700)


def jpeg_with_scans(more: int) -> bytes:
    """Build a progressive JPEG and repeat its last scan."""
    data = encoded(Image.new("L", (64, 64), 90), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * more + data[-2:]


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    assert decode(jpeg_with_scans(10)).size == (64, 64)
    with pytest.raises(UnreadablePicture, match=f"at most {MAX_JPEG_SCANS} scans"):
        decode(jpeg_with_scans(MAX_JPEG_SCANS))


def test_what_looks_like_scans_behind_or_inside_other_parts_of_a_jpeg_is_not_counted() -> None:
    plain = encoded(corners(), "JPEG")
    film_behind_it = plain + bytes(2) + b"\xff\xda\x00\x04ab" * 100
    comment = b"\xff\xda" * 1000
    in_a_comment = plain[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + plain[2:]
    for data in (film_behind_it, in_a_comment):
        np.testing.assert_array_equal(decode(data).pixels, decode(plain).pixels)


def test_a_run_length_coded_bmp_is_read_unless_it_is_huge() -> None:
    header = struct.pack("<IHHIIiiHHIIiiII", 1080, 0, 0, 1078, 40, 4, 1, 1, 8, 1, 0, 0, 0, 0, 0)
    palette = b"".join(bytes((n, n, n, 0)) for n in range(256))
    assert decode(b"BM" + header + palette + b"\x04\x09\x00\x01").pixels.tolist() == [[9, 9, 9, 9]]
    with pytest.raises(UnreadablePicture, match="run-length coded"):
        decode(b"BM" + header + palette + b"\x01\x09" * 2_000_000)


def test_the_memory_of_a_decoded_picture_is_given_back_while_it_stays_open() -> None:
    opened = open_picture(encoded(photograph()))
    opened.decode(target_side=128)
    with pytest.raises(ValueError, match="closed"):
        opened._image.tobytes()


def test_pillows_global_settings_are_left_alone() -> None:
    with pytest.raises(PictureError):
        decode(png(50_000, 50_000, b""))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3


def test_threads_decode_the_same_as_one_alone() -> None:
    files = [encoded(photograph(size=(300 + n, 200)), kind) for n, kind in enumerate(KINDS)] * 4
    alone = [decode(data, target_side=64).pixels for data in files]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda data: decode(data, target_side=64).pixels, files))
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_array_equal(first, second)


def decoded_or_refused(data: bytes) -> Picture | None:
    """Decode and prepare; only PictureError may come out of it."""
    try:
        picture = decode(data, max_pixels=2_000_000, target_side=128)
    except PictureError:
        return None
    for mode in ("auto", "photograph"):
        prepared = prepare(picture, mode)
        assert prepared.network_input.shape == (28, 28)
        assert prepared.network_input.dtype == np.uint8
    return picture


SEEDS = [
    *(encoded(corners(), kind) for kind in KINDS),
    encoded(network_input()),
    encoded(corners().quantize(8), "PNG", transparency=1),
    encoded(corners().quantize(8), "GIF", transparency=1),
    encoded(corners().convert("RGBA"), "WEBP"),
    encoded(corners().convert("CMYK"), "JPEG"),
    encoded(corners(), "JPEG", progressive=True),
    encoded(corners(), "TIFF", compression="tiff_lzw"),
    encoded(corners(), "TIFF", compression="jpeg"),
    encoded(Image.fromarray(np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)), "TIFF"),
    encoded(Image.fromarray(network_input().astype(np.uint16) * 257), "PNG"),
    encoded(corners(), "GIF", save_all=True, append_images=[corners()]),
]
UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
# Pillow warns about the metadata of damaged files, which tests would turn into errors.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


@UNHURRIED
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_or_decoded(data: bytes) -> None:
    decoded_or_refused(data)


@UNHURRIED
@given(st.sampled_from(SEEDS), st.binary(max_size=200))
def test_arbitrary_bytes_behind_a_valid_start_are_refused_or_decoded(seed: bytes, rest: bytes) -> None:
    decoded_or_refused(seed[:60] + rest)


@UNHURRIED
@given(st.sampled_from(SEEDS), st.data())
def test_damaged_files_are_refused_or_decoded(seed: bytes, data: st.DataObject) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        damaged[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    decoded_or_refused(bytes(damaged))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_files_that_get_damaged_are_whole(seed: bytes) -> None:
    assert decoded_or_refused(seed) is not None
    assert Image.open(BytesIO(seed)) if seed[4:8] != b"ftyp" else True
