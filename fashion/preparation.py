"""Any photograph to a network input: 28x28, 8-bit grey, a light garment on black.

The one home of the image contract, for training, evaluation, the command line and the service alike.
docs/preparation.md compares this way with the seeds' and with the one that made the dataset.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from PIL import Image

from fashion.decoding import Picture
from fashion.errors import NotANetworkInput
from fashion.foreground import Float32, find_foreground
from fashion.inputs import SIDE, InputKind, PrepareMode
from fashion.pixels import UInt8
from fashion.zalando import zalando_steps

# Ask `decode` for this `target_side`: more pixels cost time and tell nothing at 28x28.
WORKING_SIDE: Final = 128

_SEARCH_SIDE: Final = 64  # the garment is looked for at this size: above twice SIDE, edges stay soft enough
_DARKEST_GARMENT: Final = 64  # a garment's darkest parts stay apart from the black around it
_SPECK: Final = 0.06  # rows and columns with less foreground than this share of the fullest are cut off


class Prepared:
    """A picture as the networks take it: `network_input` (28, 28), and what it was taken for.

    `view` (side, side, 3) is the whole photograph in colour, for networks that look at more than 28x28. They
    do not look at the network input of a photograph, which takes most of the time of preparing one: where
    there is a view, it is made when somebody does.
    """

    __slots__ = ("_network_input", "kind", "view")

    def __init__(
        self, network_input: UInt8 | Callable[[], UInt8], kind: InputKind, view: UInt8 | None = None
    ) -> None:
        self._network_input = network_input
        self.kind: Final = kind
        self.view: Final = view

    @property
    def network_input(self) -> UInt8:
        """(28, 28)."""
        if callable(self._network_input):
            self._network_input = self._network_input()
        return self._network_input


def prepare(picture: Picture, mode: PrepareMode = "auto", *, view_side: int | None = None) -> Prepared:
    """Turn a picture into a network input, and a photograph into a view of `view_side` too if asked.

    `auto` lets a 28x28 picture of grey pixels through untouched and takes anything else for a photograph;
    `photograph` takes everything for one; `none` lets 28x28 through, colours as their luminance, and raises
    NotANetworkInput for any other size.
    """
    pixels = picture.pixels
    if mode == "auto" and pixels.shape == (SIDE, SIDE) and picture.size == (SIDE, SIDE):
        return Prepared(pixels, "network_input")
    if mode == "none":
        return Prepared(_as_network_input(picture), "network_input")
    small = _searched(pixels)
    if view_side is None:
        return Prepared(_garment_alone(small), "photograph")
    return Prepared(partial(_garment_alone, small), "photograph", letterbox(picture, view_side))


def prepare_as_seeds(picture: Picture) -> UInt8:
    """Squash to grey (28, 28), whatever the shape and the polarity: the baseline that everyone writes."""
    squashed = Image.fromarray(grey(picture.pixels)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(squashed)


def prepare_as_zalando(picture: Picture) -> UInt8:
    """Take the steps that made the dataset, see `fashion.zalando`: (28, 28)."""
    return zalando_steps(colour(picture.pixels), SIDE)


def letterbox(picture: Picture, side: int) -> UInt8:
    """View a picture whole and in colour as (side, side, 3), the rest filled with its border's colour."""
    pixels = colour(picture.pixels)
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    red, green, blue = (int(level) for level in np.median(border, axis=0))
    canvas = Image.new("RGB", (side, side), (red, green, blue))
    _paste_centred(_fitted(pixels, side, Image.Resampling.BILINEAR), canvas)
    return np.asarray(canvas)


def grey(pixels: UInt8) -> UInt8:
    """Luminance (ITU-R 601) of (height, width) or (height, width, 3)."""
    return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))


def colour(pixels: UInt8) -> UInt8:
    """Three channels (height, width, 3) of (height, width) or (height, width, 3)."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def _as_network_input(picture: Picture) -> UInt8:
    if picture.size != (SIDE, SIDE):
        raise NotANetworkInput(
            f"expected a picture of {SIDE}x{SIDE} pixels with prepare=none, got {picture.size[0]}x"
            f"{picture.size[1]}: send one of that size, or leave the preparation to us with prepare=auto"
        )
    return grey(picture.pixels)


def _searched(pixels: UInt8) -> UInt8:
    """A photograph in the size in which the garment is looked for."""
    return np.asarray(_fitted(colour(pixels), min(_SEARCH_SIDE, max(pixels.shape[:2])), least=4))


def _garment_alone(small: UInt8) -> UInt8:
    """The garment of a small photograph (height, width, 3), light on black: (28, 28)."""
    foreground = find_foreground(small)
    if foreground is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    garment = _light_on_black(grey(small), foreground)
    canvas = Image.new("L", (SIDE, SIDE))
    _paste_centred(_fitted(_cropped(garment, foreground), SIDE), canvas)
    return np.asarray(canvas)


def _light_on_black(levels: UInt8, foreground: Float32) -> UInt8:
    """Negate a garment darker than what lies around it, keep a lighter one, and black out the rest.

    Takes and gives (height, width). The polarity is decided for this picture alone: of the photographs
    that people take, one in three shows a garment lighter than its background.
    """
    inside = foreground > 0.5
    around = float(np.median(levels[~inside])) if not inside.all() else 127.5
    is_lighter = float(np.median(levels[inside])) > around
    light = levels if is_lighter else 255 - levels
    visible: UInt8 = np.rint(np.maximum(light, _DARKEST_GARMENT) * foreground).astype(np.uint8)
    return visible


def _cropped(garment: UInt8, foreground: Float32) -> UInt8:
    """Cut off the empty edges, specks included."""
    inside = foreground > 0.5
    rows, columns = inside.sum(axis=1), inside.sum(axis=0)
    kept_rows = np.flatnonzero(rows > _SPECK * rows.max())
    kept_columns = np.flatnonzero(columns > _SPECK * columns.max())
    return garment[kept_rows[0] : kept_rows[-1] + 1, kept_columns[0] : kept_columns[-1] + 1]


def _fitted(
    pixels: UInt8, side: int, resampling: Image.Resampling = Image.Resampling.BOX, least: int = 1
) -> Image.Image:
    """Resize so that the longer side becomes `side` pixels and the shorter at least `least`."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    scale = side / max(image.size)
    size = max(round(image.width * scale), least), max(round(image.height * scale), least)
    return image if size == image.size else image.resize(size, resampling)


def _paste_centred(image: Image.Image, canvas: Image.Image) -> None:
    canvas.paste(image, ((canvas.width - image.width) // 2, (canvas.height - image.height) // 2))
