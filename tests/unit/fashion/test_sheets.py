"""Arrays to pictures that a person can look at."""

import io

import numpy as np
from PIL import Image

from fashion.sheets import comparison_sheet, contact_sheet, heat_image, overlay, png_bytes, to_uint8


def numbered(count: int) -> np.ndarray:
    return np.stack([np.full((28, 28), number, dtype=np.uint8) for number in range(1, count + 1)])


def test_a_png_holds_exactly_the_pixels_it_was_made_from() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(image)))), image)


def test_black_and_white_survive_the_rounding() -> None:
    np.testing.assert_array_equal(to_uint8(np.array([0.0, 0.5, 1.0], dtype=np.float32)), [0, 128, 255])


def test_a_sheet_lays_images_out_row_by_row() -> None:
    sheet = contact_sheet(numbered(5), columns=3)
    assert sheet.shape == (2 * 28 + 2, 3 * 28 + 4)
    assert (sheet[0, 0], sheet[0, 30], sheet[0, 60], sheet[30, 0], sheet[30, 30]) == (1, 2, 3, 4, 5)
    assert sheet[30, 60] == sheet[0, 28] == 64


def test_a_sheet_without_columns_is_nearly_square() -> None:
    assert contact_sheet(numbered(16)).shape == (118, 118)


def test_more_columns_than_images_leave_no_empty_places() -> None:
    assert contact_sheet(numbered(2), columns=9).shape == (28, 58)


def test_reconstructions_lie_directly_below_their_originals() -> None:
    sheet = comparison_sheet(numbered(3), numbered(3) + 100, columns=2)
    assert [sheet[row * 30, 0] for row in range(4)] == [1, 101, 3, 103]
    assert sheet[0, 30] == 2
    assert sheet[30, 30] == 102


def test_heat_runs_from_black_over_red_to_white() -> None:
    colours = heat_image(np.tile(np.array([[0.0] * 14 + [1.0] * 14], dtype=np.float32), (28, 1)))
    assert colours.shape == (224, 224, 3)
    assert colours[100, 0].tolist() == [0, 0, 0]
    assert colours[100, -1].tolist() == [255, 255, 255]


def test_an_overlay_shows_the_picture_where_there_is_no_heat() -> None:
    image = np.full((28, 28), 90, dtype=np.uint8)
    laid = overlay(image, np.zeros((28, 28), dtype=np.float32))
    assert (laid == 90).all()


def test_an_overlay_over_a_colour_view_is_as_large_as_over_a_network_input() -> None:
    view = np.full((64, 64, 3), (10, 20, 30), dtype=np.uint8)
    laid = overlay(view, np.zeros((28, 28), dtype=np.float32))
    assert laid.shape == (224, 224, 3)
    assert (laid == (10, 20, 30)).all()
