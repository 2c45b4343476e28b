"""What goes through untouched, and what becomes of a photograph."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from PIL import Image, ImageOps

from fashion.decoding import Picture, decode
from fashion.errors import NotANetworkInput
from fashion.inputs import SIDE, PrepareMode
from fashion.preparation import WORKING_SIDE, letterbox, prepare, prepare_as_seeds, prepare_as_zalando
from tests.unit.fashion.pictures import UInt8, difference, encoded, network_input, photograph

MODES: tuple[PrepareMode, ...] = ("auto", "photograph", "none")
GREY_INPUTS = st_numpy.arrays(np.uint8, (SIDE, SIDE))
UNHURRIED = settings(deadline=None, max_examples=60)


def picture(image: Image.Image | UInt8) -> Picture:
    """Take pixels as decoded."""
    pixels = np.asarray(image)
    return Picture(pixels, (pixels.shape[1], pixels.shape[0]))


def prepared(image: Image.Image | UInt8) -> UInt8:
    """Prepare pixels as a photograph."""
    return prepare(picture(image), "photograph").network_input


def stored(levels: UInt8, how: str) -> bytes:
    """Store grey levels in one of the ways that people do."""
    if how == "16 bits":
        return encoded(Image.fromarray(levels.astype(np.uint16) * 257))
    kind, _, mode = how.partition(" ")
    return encoded(Image.fromarray(levels).convert(mode), kind)


@UNHURRIED
@given(
    GREY_INPUTS,
    st.sampled_from(
        ["PNG L", "PNG RGB", "PNG P", "PNG LA", "PNG RGBA", "16 bits", "BMP L", "TIFF L", "TIFF RGB", "GIF L"]
    ),
)
def test_a_network_input_goes_through_untouched_however_it_is_stored(levels: UInt8, how: str) -> None:
    made = prepare(decode(stored(levels, how), target_side=WORKING_SIDE))
    assert made.kind == "network_input"
    assert made.view is None
    np.testing.assert_array_equal(made.network_input, levels)


@UNHURRIED
@given(GREY_INPUTS)
def test_preparing_twice_is_preparing_once(levels: UInt8) -> None:
    once = prepare(picture(levels)).network_input
    np.testing.assert_array_equal(prepare(picture(once)).network_input, once)


@UNHURRIED
@given(
    st_numpy.arrays(
        np.uint8,
        st.one_of(
            st.tuples(st.integers(1, 40), st.integers(1, 40)),
            st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
            st.sampled_from([(1, 300), (300, 1), (200, 2, 3), (1, 1, 3)]),
        ),
    )
)
def test_any_pixels_become_a_network_input(pixels: UInt8) -> None:
    for make in (
        prepared,
        lambda image: prepare_as_zalando(picture(image)),
        lambda image: prepare_as_seeds(picture(image)),
    ):
        made = make(pixels)
        assert made.shape == (SIDE, SIDE)
        assert made.dtype == np.uint8
    assert letterbox(picture(pixels), 64).shape == (64, 64, 3)


def test_one_coloured_pixel_makes_it_a_photograph() -> None:
    pixels = np.repeat(network_input()[..., None], 3, axis=2)
    pixels[3, 3] = (200, 0, 0)
    assert prepare(picture(pixels)).kind == "photograph"


@pytest.mark.parametrize("size", [(27, 28), (28, 29), (56, 56)])
def test_any_other_size_is_a_photograph(size: tuple[int, int]) -> None:
    assert prepare(picture(Image.new("L", size))).kind == "photograph"


def test_a_network_input_can_be_taken_for_a_photograph() -> None:
    made = prepare(picture(network_input()), "photograph")
    assert made.kind == "photograph"


def test_none_takes_the_luminance_of_a_coloured_network_input() -> None:
    made = prepare(picture(Image.new("RGB", (SIDE, SIDE), (255, 0, 0))), "none")
    assert made.kind == "network_input"
    assert set(made.network_input.ravel().tolist()) == {76}


def test_none_refuses_any_other_size_and_says_which_came() -> None:
    large = decode(encoded(photograph(), "JPEG"), target_side=WORKING_SIDE)
    with pytest.raises(NotANetworkInput, match=r"28x28 pixels with prepare=none, got 400x500.*prepare=auto"):
        prepare(large, "none")


def test_a_large_picture_that_was_decoded_to_28x28_is_no_network_input() -> None:
    reduced = Picture(network_input(), (56, 56))
    assert prepare(reduced).kind == "photograph"
    with pytest.raises(NotANetworkInput, match="got 56x56"):
        prepare(reduced, "none")


@pytest.mark.parametrize("garment", [(30, 30, 60), (150, 30, 40), (20, 90, 60)])
@pytest.mark.parametrize("background", [(230, 225, 215), (150, 150, 150), (200, 170, 120)])
def test_a_garment_comes_out_light_on_black(
    garment: tuple[int, int, int], background: tuple[int, int, int]
) -> None:
    made = prepared(photograph(garment, background))
    assert made[:4, :3].max() < 25
    assert made[-4:, :3].max() < 25
    assert made[12:20, 11:17].min() > 60


def test_the_polarity_is_each_pictures_own() -> None:
    for garment, background in [((20, 20, 30), (230, 230, 220)), ((60, 80, 120), (160, 140, 110))]:
        image = photograph(garment, background)
        assert difference(prepared(image), prepared(ImageOps.invert(image))) < 6


def test_a_garment_is_framed_whole_and_in_the_middle_wherever_it_lies() -> None:
    small = photograph(size=(200, 250))
    floor = photograph(garment=(225, 220, 210), size=(500, 500))
    floor.paste(small.resize((240, 300)), (180, 140))
    made = prepared(floor)
    rows, columns = np.flatnonzero(made.max(axis=1) > 60), np.flatnonzero(made.max(axis=0) > 60)
    assert max(rows.size, columns.size) >= 26
    assert abs(columns[0] - (27 - columns[-1])) <= 2


def test_the_shape_is_kept() -> None:
    wide = photograph(size=(600, 300))
    made = prepared(wide)
    assert (made.max(axis=1) > 60).sum() < 0.8 * (made.max(axis=0) > 60).sum()


def test_colour_alone_is_enough_to_find_a_garment() -> None:
    green_on_red_of_the_same_grey = photograph((40, 180, 100), (180, 80, 60), noise=3)
    made = prepared(green_on_red_of_the_same_grey)
    assert made[:4, :3].max() < 25
    assert made[12:20, 11:17].min() > 60


def test_a_striped_floor_is_not_taken_for_the_garment() -> None:
    image = photograph(background=(200, 170, 120))
    stripes = np.asarray(image).copy()
    floor = np.abs(stripes.astype(int) - (200, 170, 120)).sum(axis=2) < 100
    bands = (np.arange(500)[:, None] // 25 % 2 == 0) & floor
    stripes[bands] = (stripes[bands] * 0.75).astype(np.uint8)
    assert difference(prepared(stripes), prepared(image)) < 20


@pytest.mark.parametrize("level", [0, 127, 255])
def test_an_empty_picture_holds_no_garment(level: int) -> None:
    assert prepared(Image.new("RGB", (300, 200), (level,) * 3)).max() == 0


def test_the_view_of_a_photograph_is_whole_and_filled_with_its_border() -> None:
    image = photograph(size=(200, 100), noise=0)
    view = prepare(picture(image), view_side=64).view
    assert view is not None
    assert view.shape == (64, 64, 3)
    assert view[0, 0].tolist() == [225, 220, 210]
    assert view[32, 32].tolist() == [40, 50, 90]


def test_the_seeds_way_squashes() -> None:
    image = Image.new("L", (100, 200), 10)
    image.paste(200, (0, 100, 100, 200))
    made = prepare_as_seeds(picture(image))
    assert set(made[:13].ravel().tolist()) == {10}
    assert set(made[15:].ravel().tolist()) == {200}


def test_zalandos_steps_trim_centre_and_negate() -> None:
    image = Image.new("RGB", (51, 73), (253, 253, 253))
    image.paste((30, 30, 30), (20, 10, 34, 66))
    made = prepare_as_zalando(picture(image))
    inside = made[:, 11:18]
    assert set(inside[1:-1, 1:-1].ravel().tolist()) == {225}
    assert made[:, :10].max() == 0
    assert made[:, 18:].max() == 0


def test_zalandos_steps_trim_what_is_within_five_percent_of_the_corner() -> None:
    image = Image.new("RGB", (56, 56), (253, 253, 253))
    image.paste((233, 233, 233), (0, 40, 56, 56))  # 20 levels of 255 in all three: 7.8%
    assert prepare_as_zalando(picture(image))[14, 14] == 255 - 233
    image.paste((243, 243, 243), (0, 40, 56, 56))  # 3.9%
    assert prepare_as_zalando(picture(image)).max() < 20


def test_zalandos_steps_skip_rows_and_columns_instead_of_averaging() -> None:
    checked = np.indices((280, 280)).sum(axis=0) % 2 * 255
    made = prepare_as_zalando(picture(checked.astype(np.uint8)))
    assert set(np.unique(made)) <= {0, 255}


def test_zalandos_steps_sharpen() -> None:
    image = np.full((28, 28, 3), 100, np.uint8)
    image[0, 0], image[-1, -1] = 0, 255  # keeps the trimming off
    image[:, 14:] = 150
    edge = 255 - prepare_as_zalando(picture(image))[10].astype(int)
    assert edge[12] == 100
    assert edge[13] == 89  # a column of the kernel weighs 0.228
    assert edge[14] == 161
    assert edge[16] == 150


def test_most_real_photographs_become_a_light_garment_on_black(photographs_folder: Path) -> None:
    with (photographs_folder / "labels.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["label"] != "other"][:80]
    clean = 0
    for name in names:
        made = prepared(decode((photographs_folder / name).read_bytes(), target_side=WORKING_SIDE).pixels)
        around = np.concatenate((made[0, :4], made[0, -4:], made[-1, :4], made[-1, -4:]))
        clean += bool(around.mean() < 40 and made[8:20, 8:20].mean() > 80)
    assert clean >= 0.75 * len(names)


def test_a_view_beside_it_does_not_change_a_photographs_network_input() -> None:
    image = picture(photograph())
    alone, beside = prepare(image, "photograph"), prepare(image, "photograph", view_side=64)
    assert beside.view is not None
    assert beside.view.shape == (64, 64, 3)
    for _ in range(2):  # it is made when it is first asked for
        np.testing.assert_array_equal(beside.network_input, alone.network_input)
