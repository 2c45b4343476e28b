"""What is asked: pictures made here from a seed, so that the benchmark needs no data, and new pictures."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
from PIL import Image

GENERATED: Final = {"count": 16, "seed": 7}


@dataclass(frozen=True)
class Workload:
    """One kind of request; `kind` decides how a peer is asked."""

    name: str
    kind: Literal["one", "many", "generate"]
    media_type: str = ""
    pictures: Callable[[], tuple[bytes, ...]] = tuple


@cache
def small_png(seed: int = 0) -> bytes:
    """A 28x28 grey PNG: a network input."""
    blurred = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (7, 7), dtype=np.uint8))
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


SMALL: Final = Workload("small-png", "one", "image/png", lambda: (small_png(),))
PHONE: Final = Workload("phone-jpeg", "one", "image/jpeg", lambda: (phone_jpeg(),))
LARGE: Final = Workload("large-jpeg", "one", "image/jpeg", lambda: (large_jpeg(),))
MANY: Final = Workload("256-pictures", "many", "image/png", lambda: tuple(map(small_png, range(256))))
GENERATE: Final = Workload("generate", "generate")
WORKLOADS: Final = (SMALL, PHONE, LARGE, MANY, GENERATE)
