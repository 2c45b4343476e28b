"""Draw what a running service answers to pictures, and new samples that it makes.

    make serve
    .venv/bin/python docs/examples/draw_answers.py answers.png shoe.jpg shirt.jpg dress.png

Needs the training extra, for matplotlib.
"""

import base64
import io
import os
import sys
from pathlib import Path
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
from PIL import Image, ImageOps

mpl.use("agg")
from matplotlib import pyplot as plt  # (the backend is chosen first)
from matplotlib.axes import Axes

SERVICE = os.environ.get("FASHION_URL", "http://localhost:3000")
HEADINGS = ("photograph", "network input", "where it looked", "answer", "reconstruction")
INK, MUTED, SURE, SAMPLE_LABELS = (
    "#222222",
    "#c8ccd4",
    "#0072b2",
    ("Sneaker", "Dress", "Bag", "Coat", "Sandal"),
)


def main(out: str, *pictures: str) -> None:
    """Ask the service about each picture and draw a row for it."""
    with httpx.Client(base_url=SERVICE, timeout=30) as client:
        rows = [(name, ask(client, Path(name).read_bytes())) for name in pictures]
        samples = [sample(client, label, seed) for seed, label in enumerate(SAMPLE_LABELS)]
    count = len(rows) + 1
    figure, axes = plt.subplots(count, 5, figsize=(10, 1.9 * count), width_ratios=(1, 1, 1, 1.7, 1))
    for heading, axis in zip(HEADINGS, axes[0], strict=True):
        axis.set_title(heading, fontsize=9, color=INK)
    for line, (name, (answer, rebuilt)) in zip(axes, rows, strict=False):
        draw_row(line, Path(name).read_bytes(), answer, rebuilt)
    for axis, label, image in zip(axes[-1], SAMPLE_LABELS, samples, strict=True):
        show(axis, image)
        axis.set_xlabel(f"generated: {label}", fontsize=8, color=INK)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def ask(client: httpx.Client, picture: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The classification with its explanation, and the reconstruction."""
    files = {"images": picture}
    classified = client.post("/classify", files=files, params={"explain": "true"}).raise_for_status().json()
    rebuilt = client.post("/reconstruct", files=files).raise_for_status().json()
    return classified["predictions"][0], rebuilt["reconstructions"][0]


def sample(client: httpx.Client, label: str, seed: int) -> np.ndarray:
    """One new picture of `label`."""
    answer = client.post("/generate", json={"count": 1, "label": label, "seed": seed}).raise_for_status()
    return pixels(answer.json()["samples"][0]["image"])


def draw_row(line: Any, picture: bytes, answer: dict[str, Any], rebuilt: dict[str, Any]) -> None:
    """The photograph, the network input, where the network looked, its answer, and the reconstruction."""
    with Image.open(io.BytesIO(picture)) as photograph:
        show(line[0], np.asarray(ImageOps.exif_transpose(photograph).convert("RGB")))
    show(line[1], pixels(answer["explanation"]["network_input"]))
    show(line[2], pixels(answer["explanation"]["overlay"]))
    draw_bars(line[3], answer)
    show(line[4], pixels(rebuilt["image"]))


def draw_bars(axis: Axes, answer: dict[str, Any]) -> None:
    """The five most probable labels; those in the prediction set in colour."""
    best = sorted(answer["probabilities"].items(), key=lambda item: item[1])[-5:]
    colours = [SURE if label in answer["prediction_set"] else MUTED for label, _ in best]
    axis.barh([label for label, _ in best], [share for _, share in best], color=colours)
    axis.set_xlim(0, 1)
    axis.tick_params(labelsize=7, length=0)
    axis.spines[["top", "right", "bottom"]].set_visible(False)
    novelty = "" if answer["novelty"] is None else f", novelty {answer['novelty']:.2f}"
    axis.set_xlabel(f"{answer['label']} {answer['probability']:.0%}{novelty}", fontsize=8, color=INK)


def show(axis: Axes, image: np.ndarray) -> None:
    """An image without ticks."""
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def pixels(encoded: str) -> np.ndarray:
    """A base64 PNG as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
