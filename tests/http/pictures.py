"""Pictures to send, and the three ways of sending them."""

import base64
import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image


def picture(size: tuple[int, int] = (28, 28), mode: str = "L", form: str = "PNG", seed: int = 0) -> bytes:
    """A picture of noise as bytes of the format `form`."""
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def flat_picture(side: int) -> bytes:
    """A large picture of few bytes: side x side pixels of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def png_bomb(width: int, height: int) -> bytes:
    """A well-formed PNG of width x height black pixels, of a few bytes a row."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8) * 100
    data = b"".join(rows.compress(row) for _ in range(height // 100)) + rows.flush()
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parts(*pictures: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Form parts named images, for httpx's `files`."""
    return [("images", (f"{index}.png", data, "image/png")) for index, data in enumerate(pictures)]


def assert_refused(response: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Check the status, and the one error body; returns what is inside it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "field"}
    assert body["error"]["code"] == code, response.text
    assert body["error"]["field"] == field, response.text
    return body["error"]
