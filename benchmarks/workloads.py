"""What is asked: pictures of Fashion-MNIST's test split, photographs made here from a seed, and new pictures.

Small pictures are real ones, and many of them in turn: a classifier with an early exit takes longer over some
than over others, as a cache might.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from PIL import Image

from training.dataset import load_test

GENERATED: Final = {"count": 16, "seed": 7}
_IN_TURN: Final = 64


@dataclass(frozen=True)
class Workload:
    """One kind of request; `kind` decides how a peer is asked: with one of the pictures at a time, with all
    of them, or for new ones."""

    name: str
    kind: Literal["one", "many", "generate"]
    media_type: str = ""
    pictures: Callable[[], tuple[bytes, ...]] = tuple


@cache
def small_pngs(count: int) -> tuple[bytes, ...]:
    """The first pictures of the test split as 28x28 grey PNGs: network inputs."""
    return tuple(_encoded(Image.fromarray(image), "PNG") for image in load_test().images[:count])


@cache
def small_png() -> bytes:
    """A 28x28 grey PNG of no garment, for where the dataset is not at hand."""
    blurred = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 7), dtype=np.uint8))
    return _encoded(blurred.resize((28, 28), Image.Resampling.BICUBIC), "PNG")


@cache
def phone_jpeg() -> bytes:
    """A JPEG of 400x500 pixels, as messengers send them."""
    return _encoded(_scene(400, 500), "JPEG", quality=85)


@cache
def large_jpeg() -> bytes:
    """A baseline JPEG of 12 megapixels (3024x4032), as phones take them."""
    return _encoded(_scene(3024, 4032), "JPEG", quality=85)


def _scene(width: int, height: int) -> Image.Image:
    """A dark garment-sized shape on a light, slightly noisy ground."""
    inside = np.zeros((height, width, 1), dtype=bool)
    inside[height * 3 // 20 : height * 17 // 20, width * 3 // 10 : width * 7 // 10] = True
    noise = np.random.default_rng(0).integers(-6, 7, (height, width, 1), dtype=np.int16)
    colours = np.where(inside, np.array((40, 60, 120), np.int16), np.array((225, 222, 215), np.int16))
    return Image.fromarray((colours + noise).astype(np.uint8))


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


SMALL: Final = Workload("small-png", "one", "image/png", lambda: small_pngs(_IN_TURN))
SAME: Final = Workload("same-png", "one", "image/png", lambda: small_pngs(1))
PHONE: Final = Workload("phone-jpeg", "one", "image/jpeg", lambda: (phone_jpeg(),))
LARGE: Final = Workload("large-jpeg", "one", "image/jpeg", lambda: (large_jpeg(),))
MANY: Final = Workload("256-pictures", "many", "image/png", lambda: small_pngs(256))
GENERATE: Final = Workload("generate", "generate")
WORKLOADS: Final = (SMALL, SAME, PHONE, LARGE, MANY, GENERATE)
