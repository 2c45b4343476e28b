"""Any photograph to a network input: 28x28, 8-bit grey, a light garment on black.

The one home of the image contract, for training, evaluation, the command line and the service alike.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from PIL import Image

from fashion.decoding import Picture
from fashion.errors import NotANetworkInput
from fashion.pixels import UInt8

SIDE: Final = 28
# Ask `decode` for this `target_side`: more pixels cost time and tell nothing at 28x28.
WORKING_SIDE: Final = 128

InputKind: TypeAlias = Literal["network_input", "photograph"]
PrepareMode: TypeAlias = Literal["auto", "photograph", "none"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture as the networks take it: `network_input` (28, 28), and what it was taken for.

    `view` (side, side, 3) is the whole photograph in colour, for networks that look at more than 28x28.
    """

    network_input: UInt8
    kind: InputKind
    view: UInt8 | None = None


def prepare(picture: Picture, mode: PrepareMode = "auto", *, view_side: int | None = None) -> Prepared:
    """Turn a picture into a network input, and a photograph into a view of `view_side` too if asked.

    `auto` lets a 28x28 picture of grey pixels through untouched and takes anything else for a photograph;
    `photograph` takes everything for one; `none` lets 28x28 through, colours as their luminance, and raises
    NotANetworkInput for any other size.
    """
    pixels = picture.pixels
    if mode == "auto" and pixels.shape == (SIDE, SIDE):
        return Prepared(pixels, "network_input")
    if mode == "none":
        if pixels.shape[:2] != (SIDE, SIDE):
            height, width = pixels.shape[:2]
            raise NotANetworkInput(
                f"expected a picture of {SIDE}x{SIDE} pixels with prepare=none, got {width}x{height}: "
                "send one, or leave the preparation to us with prepare=auto"
            )
        return Prepared(grey(pixels), "network_input")
    view = letterbox(picture, view_side) if view_side else None
    return Prepared(_prepare_photograph(pixels), "photograph", view)


def prepare_as_seeds(picture: Picture) -> UInt8:
    """Squash to 28x28 grey, whatever the shape and the polarity: the baseline that everyone writes."""
    return np.asarray(Image.fromarray(grey(picture.pixels)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def letterbox(picture: Picture, side: int) -> UInt8:
    """View a picture whole and in colour as (side, side, 3), the rest filled with its border's colour."""
    image = Image.fromarray(picture.pixels).convert("RGB")
    scale = side / max(image.size)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    fill = np.median(_border(np.asarray(image)), axis=0).astype(int)
    canvas = Image.new("RGB", (side, side), tuple(fill))
    fitted = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    canvas.paste(fitted, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(canvas)


def _border(pixels: UInt8) -> UInt8:
    """Collect the outermost pixels: (height, width, …) to (count, …)."""
    return np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def grey(pixels: UInt8) -> UInt8:
    """Luminance (ITU-R 601) of (height, width) or (height, width, 3)."""
    return pixels if pixels.ndim == 2 else np.asarray(Image.fromarray(pixels).convert("L"))


def _prepare_photograph(pixels: UInt8) -> UInt8:
    values = grey(pixels).astype(np.float32)
    contrast = np.abs(values - np.median(_border(pixels) if pixels.ndim == 2 else _border(grey(pixels))))
    scale = 255.0 / max(float(np.percentile(contrast, 99)), 1.0)
    image = Image.fromarray(np.clip(contrast * scale, 0, 255).astype(np.uint8))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return np.asarray(canvas)
