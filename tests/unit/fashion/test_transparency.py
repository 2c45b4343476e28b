"""What lies behind a transparent picture: black below a light garment, white below any other."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from fashion.decoding import decode
from tests.unit.fashion.pictures import encoded, network_input


def test_transparency_shows_white_below_a_dark_garment() -> None:
    image = Image.new("RGBA", (40, 40), (9, 9, 9, 0))
    image.paste((30, 40, 50, 255), (10, 10, 30, 30))
    pixels = decode(encoded(image)).pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[20, 20].tolist() == [30, 40, 50]


def test_transparency_shows_black_below_a_light_garment() -> None:
    image = Image.new("RGBA", (40, 40), (255, 255, 255, 0))
    image.paste((250, 250, 240, 255), (10, 10, 30, 30))
    pixels = decode(encoded(image)).pixels
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[20, 20].tolist() == [250, 250, 240]


def test_half_transparent_pixels_are_mixed_with_the_background() -> None:
    image = Image.new("LA", (10, 10), (0, 128))
    assert set(decode(encoded(image)).pixels.ravel().tolist()) == {127}


def test_a_wholly_transparent_picture_is_white() -> None:
    assert decode(encoded(Image.new("RGBA", (10, 10), (0, 0, 0, 0)))).pixels.min() == 255


def dark_palette() -> Image.Image:
    """Fill a picture with the last of four dark colours."""
    image = Image.new("P", (10, 10), 3)
    image.putpalette(range(12))
    return image


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (dark_palette(), {"transparency": 3}),
        (dark_palette(), {"transparency": bytes([255, 255, 255, 0])}),
        (Image.new("RGB", (10, 10), (1, 2, 3)), {"transparency": (1, 2, 3)}),
        (Image.new("L", (10, 10), 7), {"transparency": 7}),
        (Image.new("1", (10, 10), 0), {"transparency": 0}),
    ],
    ids=["palette index", "palette alphas", "one colour", "one grey", "one bit"],
)
def test_every_way_a_png_tells_transparency_is_understood(
    image: Image.Image, options: dict[str, Any]
) -> None:
    assert decode(encoded(image, **options)).pixels.min() == 255


def test_a_transparent_gif_is_flattened() -> None:
    image = Image.new("P", (10, 10), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.paste(0, (0, 0, 5, 10))
    pixels = decode(encoded(image, "GIF", transparency=0)).pixels
    assert (pixels[0, 0].tolist(), pixels[0, 9].tolist()) == ([255, 255, 255], [10, 20, 30])


def test_a_transparent_network_input_lies_on_black() -> None:
    image = Image.fromarray(network_input()).convert("LA")
    alpha = np.full((28, 28), 255, np.uint8)
    alpha[:, :4] = 0
    image.putalpha(Image.fromarray(alpha))
    expected = network_input()
    expected[:, :4] = 0
    np.testing.assert_array_equal(decode(encoded(image)).pixels, expected)
