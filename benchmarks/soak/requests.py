"""What the soak sends: whole requests as bytes, made once."""

import io

import numpy as np
from PIL import Image


def small_png(seed: int = 0) -> bytes:
    """One 28x28 network input."""
    return _post("/classify", "image/png", _encode(_noise((28, 28), seed), "PNG"))


def photograph(seed: int = 0, side: int = 800) -> bytes:
    """One photograph of a phone's kind, which is decoded and inferred in a thread."""
    small = Image.fromarray(_noise((side // 16, side // 16, 3), seed))
    buffer = io.BytesIO()
    small.resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return _post("/classify", "image/jpeg", buffer.getvalue())


def generation() -> bytes:
    """Sixteen new pictures."""
    return _post("/generate", "application/json", b'{"count": 16}')


def everyday(num: int = 20) -> list[bytes]:
    """A mixture as a shop might send it: mostly small pictures, some photographs, now and then new ones."""
    small = [small_png(seed) for seed in range(num)]
    return [*small[: num // 2], photograph(1), *small[num // 2 :], photograph(2), generation()]


def _post(path: str, content_type: str, body: bytes) -> bytes:
    headers = f"Host: soak\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n".encode() + body


def _noise(shape: tuple[int, ...], seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _encode(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()
