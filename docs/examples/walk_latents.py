"""Walk through the latent space of a running service: from one picture to another, and by arithmetic.

    make serve
    .venv/bin/python docs/examples/walk_latents.py walks.png
    .venv/bin/python docs/examples/walk_latents.py walks.png shirt.jpg coat.jpg    # between pictures of yours

Pictures become latents by /encode, or come with the latents that they were generated from; latents become
pictures by /generate. On a straight line between two latents the middle lies nearer to the origin than
training's latents do (Gaussians in many dimensions lie near a sphere); the spherical way (Shoemake 1985)
keeps the distance. Needs the training extra, for matplotlib.
"""

import base64
import io
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
from PIL import Image

mpl.use("agg")
from matplotlib import pyplot as plt  # (the backend is chosen first)

SERVICE = os.environ.get("FASHION_URL", "http://localhost:3000")
STEPS = 9
WALKS = (("Sneaker", "Ankle boot"), ("T-shirt/top", "Dress"), ("Bag", "Trouser"))
ARITHMETIC = (  # a label, and the difference of two others that is added to it
    ("T-shirt/top", "Pullover", "T-shirt/top"),
    ("Dress", "Pullover", "T-shirt/top"),
    ("Sandal", "Ankle boot", "Sneaker"),
)

Array = np.ndarray[Any, Any]


def main(out: str, *pictures: str) -> None:
    """Draw two strips for each pair of ends, one each way, and one for each sum."""
    with httpx.Client(base_url=SERVICE, timeout=60) as client:
        strips = []
        for first, second in ends(client, pictures):
            strips += [(f"{first[0]}\nto {second[0]}", "linear", linear(first[1], second[1]))]
            strips += [("", "spherical", spherical(first[1], second[1]))]
        for label, more, less in ARITHMETIC:
            change = centre(client, more) - centre(client, less)
            shares = np.linspace(0, 2, STEPS)[:, None]
            name = f"{label}\n+ {more}\n- {less}"
            strips += [(name, "0 to 2 times", sample(client, label) + shares * change)]
        drawn = [(name, way, decode(client, latents)) for name, way, latents in strips]
    draw(drawn, out)


def ends(
    client: httpx.Client, pictures: tuple[str, ...]
) -> list[tuple[tuple[str, Array], tuple[str, Array]]]:
    """Pairs of named latents to walk between: of the pictures given, else of samples by label."""
    if pictures:
        names = [Path(name).name for name in pictures]
        made = [(name, encode(client, Path(path))) for name, path in zip(names, pictures, strict=True)]
        return list(pairwise(made))
    return [((first, sample(client, first)), (second, sample(client, second))) for first, second in WALKS]


def encode(client: httpx.Client, picture: Path) -> Array:
    """The posterior mean of a picture."""
    answer = client.post("/encode", files={"images": picture.read_bytes()}).raise_for_status()
    return np.array(answer.json()["latents"][0]["mean"])


def sample(client: httpx.Client, label: str) -> Array:
    """The latent of one sample of a label: cooler ones are more typical."""
    asked = {"count": 1, "label": label, "seed": 3, "temperature": 0.6}
    answer = client.post("/generate", json=asked).raise_for_status()
    return np.array(answer.json()["samples"][0]["latent"])


def centre(client: httpx.Client, label: str) -> Array:
    """The mean latent of a label."""
    answer = client.post("/generate", json={"count": 512, "label": label, "seed": 0}).raise_for_status()
    return np.mean([made["latent"] for made in answer.json()["samples"]], axis=0)


def decode(client: httpx.Client, latents: Array) -> Array:
    """The pictures of latents (count, latent), side by side."""
    answer = client.post("/generate", json={"latents": latents.tolist()}).raise_for_status()
    return np.hstack([pixels(made["image"]) for made in answer.json()["samples"]])


def linear(first: Array, second: Array) -> Array:
    """STEPS latents at equal distances on a straight line."""
    shares = np.linspace(0, 1, STEPS)[:, None]
    return (1 - shares) * first + shares * second


def spherical(first: Array, second: Array) -> Array:
    """STEPS latents at equal angles, their lengths going evenly from the first's to the second's."""
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    angle = np.arccos(np.clip(first @ second / (lengths[0] * lengths[1]), -1, 1))
    shares = np.linspace(0, 1, STEPS)[:, None]
    if np.isclose(angle, 0):
        return linear(first, second)
    directions = (
        np.sin((1 - shares) * angle) * first / lengths[0] + np.sin(shares * angle) * second / lengths[1]
    )
    return directions / np.sin(angle) * ((1 - shares) * lengths[0] + shares * lengths[1])


def draw(strips: list[tuple[str, str, Array]], out: str) -> None:
    """A row for each strip, named at its left and right."""
    figure, rows = plt.subplots(len(strips), 1, figsize=(8, 0.86 * len(strips)), layout="constrained")
    for axes, (name, way, image) in zip(rows, strips, strict=True):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        axes.text(image.shape[1] + 6, image.shape[0] / 2, way, va="center", fontsize=8)
    figure.savefig(out, dpi=110, bbox_inches="tight")


def pixels(encoded: str) -> Array:
    """A base64 PNG as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


if __name__ == "__main__":
    if len(sys.argv) not in (2, *range(4, 10)):
        sys.exit(__doc__)
    main(*sys.argv[1:])
