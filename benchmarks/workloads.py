"""What is sent: pictures made here from a seed, so that the benchmark needs no data."""

import base64
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bentoml
import numpy as np
from PIL import Image

from benchmarks.peers import Peer
from fashion.aliases import ALIAS_FILE, read_aliases

_BOUNDARY: Final = "benchmark-boundary"


@dataclass(frozen=True)
class Workload:
    """One kind of request."""

    name: str
    media_type: str
    picture: Callable[[], bytes]

    def request(self, peer: Peer) -> tuple[bytes, str]:
        """The body and its content type, in the form that the peer takes."""
        if peer.body == "raw":
            return self.picture(), self.media_type
        if peer.body == "json":
            encoded = base64.b64encode(self.picture()).decode()
            return json.dumps({"image": encoded}).encode(), "application/json"
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{peer.form_field}"; filename="p"\r\n'
            f"Content-Type: {self.media_type}\r\n\r\n"
        )
        body = head.encode() + self.picture() + f"\r\n--{_BOUNDARY}--\r\n".encode()
        return body, f"multipart/form-data; boundary={_BOUNDARY}"


def small_png() -> bytes:
    """A 28x28 grey PNG: a network input."""
    blurred = Image.fromarray(np.random.default_rng(0).integers(0, 256, (7, 7), dtype=np.uint8))
    return _encoded(blurred.resize((28, 28), Image.Resampling.BICUBIC), "PNG")


def phone_jpeg() -> bytes:
    """A 400x500 JPEG."""
    return _encoded(_scene(400, 500), "JPEG", quality=85)


def large_jpeg() -> bytes:
    """A baseline JPEG of 12 megapixels, as phones take them."""
    return _encoded(_scene(4000, 3000), "JPEG", quality=85)


def _scene(width: int, height: int) -> Image.Image:
    """A dark garment-sized blob on a light, slightly noisy ground."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    inside = (abs(x / width - 0.5) < 0.2) & (abs(y / height - 0.5) < 0.35)
    pixels = np.where(inside[..., None], (40, 60, 120), (225, 222, 215)) + random.normal(
        0, 4, (height, width, 1)
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


WORKLOADS: Final = {
    workload.name: workload
    for workload in (
        Workload("small-png", "image/png", small_png),
        Workload("phone-jpeg", "image/jpeg", phone_jpeg),
        Workload("large-jpeg", "image/jpeg", large_jpeg),
    )
}


def stored_artifact(name: str = "fashion-classifier") -> Path:
    """The folder of the model that `stable` names in the BentoML store; LookupError where there is none."""
    home = Path(os.environ.get("BENTOML_HOME", Path.home() / "bentoml"))
    version = read_aliases(home / ALIAS_FILE).version(name, "stable")
    if version is None:
        raise LookupError(f"no stable {name} in the store: run `make serve` once, or give --artifact")
    return Path(bentoml.models.get(f"{name}:{version}").path)
