"""Draw the latent plane of the two-dimensional VAE: what a running service decodes at every point of a grid.

    make serve
    .venv/bin/python docs/examples/draw_manifold.py manifold.png

All points go in one request. Needs the training extra, for matplotlib.
"""

import base64
import io
import os
import sys
from typing import Any

import httpx
import matplotlib as mpl
import numpy as np
from PIL import Image

mpl.use("agg")
from matplotlib import pyplot as plt  # (the backend is chosen first)

SERVICE = os.environ.get("FASHION_URL", "http://localhost:3000")
MODEL = "fashion-vae-2d"
GRID, REACH = 30, 2.4  # points a side, and how far from the origin they go on each axis


def main(out: str) -> None:
    """Ask for all points at once and lay the pictures out as the points lie."""
    steps = np.linspace(-REACH, REACH, GRID)
    latents = [[float(across), float(up)] for up in steps[::-1] for across in steps]
    with httpx.Client(base_url=SERVICE, timeout=60) as client:
        answer = client.post("/generate", json={"model": MODEL, "latents": latents}).raise_for_status()
    tiles = np.stack([pixels(sample["image"]) for sample in answer.json()["samples"]])
    rows = tiles.reshape(GRID, GRID, *tiles.shape[1:])
    plane = rows.transpose(0, 2, 1, 3).reshape(GRID * tiles.shape[1], GRID * tiles.shape[2])
    draw(plane, answer.json()["model"], out)


def draw(plane: np.ndarray[Any, Any], model: str, out: str) -> None:
    """The plane with its two axes."""
    figure, axes = plt.subplots(figsize=(8.4, 8.7), layout="constrained")
    half_step = REACH / (GRID - 1)
    edges = (-REACH - half_step, REACH + half_step)
    axes.imshow(plane, cmap="gray", vmin=0, vmax=255, extent=(*edges, *edges))
    axes.set_xlabel("first latent")
    axes.set_ylabel("second latent")
    axes.set_title(f"{GRID}x{GRID} latents decoded by {model}", fontsize=11)
    figure.savefig(out, dpi=110)


def pixels(encoded: str) -> np.ndarray[Any, Any]:
    """A base64 PNG as an array."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
