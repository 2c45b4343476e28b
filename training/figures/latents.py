"""Figures of the latent space: the plane decoded as a grid, and where pictures of each label lie."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.labels import LABELS
from training.figures.style import LABEL_COLOURS, LABEL_MARKERS, PIXELS, new_figure, sheet, titled

Float32 = NDArray[np.float32]

GRID: Final = 30
RANGE: Final = (-4.0, 4.0)
"""Where the manifold starts and ends along each axis, unless told."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane through the latent space: `origin` (latent,) and two orthogonal `axes` (2, latent)."""

    origin: Float32
    axes: Float32
    name: str
    axis_names: tuple[str, str]

    def latents(self, coordinates: Float32) -> Float32:
        """Points of the plane (count, 2) as latents (count, latent)."""
        return np.asarray(self.origin + coordinates @ self.axes, dtype=np.float32)

    def coordinates(self, latents: Float32) -> Float32:
        """Latents (count, latent) as points of the plane (count, 2), projected orthogonally."""
        return np.asarray((latents - self.origin) @ self.axes.T / (self.axes**2).sum(axis=1), np.float32)


def plane_through(latents: Float32) -> Plane:
    """The whole space where it has two dimensions, else the plane in which latents (count, latent) vary most.

    Then one unit along an axis is one standard deviation of the latents in that direction.
    """
    size = latents.shape[1]
    if size == 2:
        return Plane(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), "the whole latent space", _AXES)
    if size == 1:
        only = np.array([[1.0], [0.0]], dtype=np.float32)
        return Plane(np.zeros(1, np.float32), only, "the latent's only axis", ("latent", "nothing"))
    centre = latents.mean(axis=0)
    _, lengths, directions = np.linalg.svd(latents - centre, full_matrices=False)
    deviations = (lengths[:2] / np.sqrt(max(len(latents) - 1, 1))).astype(np.float32)
    share = float((lengths[:2] ** 2).sum() / (lengths**2).sum())
    name = (
        f"the plane of the first two principal components ({share:.0%} of the variance of {size} dimensions)"
    )
    unit = "(standard deviations)"
    names = (f"first component {unit}", f"second component {unit}")
    return Plane(
        centre.astype(np.float32), directions[:2].astype(np.float32) * deviations[:, None], name, names
    )


_AXES: Final = ("first latent", "second latent")


def manifold(
    autoencoder: Autoencoder,
    plane: Plane,
    *,
    start: float = RANGE[0],
    end: float = RANGE[1],
    grid: int = GRID,
) -> Figure:
    """What the decoder makes of every point of a grid on a plane of the latent space."""
    ticks = np.linspace(start, end, grid, dtype=np.float32)
    across, up = np.meshgrid(ticks, ticks[::-1])
    images = autoencoder.decode(plane.latents(np.stack([across.ravel(), up.ravel()], axis=1)))
    return _decoded_grid(images, grid, (start, end, start, end), plane, f"{grid}x{grid} decoded latents")


def decoded_grid(autoencoder: Autoencoder, plane: Plane, latents: Float32, grid: int = 10) -> Figure:
    """A coarser grid over where pictures lie: from the 1st to the 99th percentile on each axis."""
    coordinates = plane.coordinates(latents)
    (left, bottom), (right, top) = np.percentile(coordinates, [1, 99], axis=0)
    across, up = np.meshgrid(np.linspace(left, right, grid), np.linspace(top, bottom, grid))
    points = np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)
    extent = (float(left), float(right), float(bottom), float(top))
    return _decoded_grid(
        autoencoder.decode(plane.latents(points)), grid, extent, plane, "Decoded where pictures lie"
    )


def _decoded_grid(
    images: Float32, grid: int, extent: tuple[float, float, float, float], plane: Plane, title: str
) -> Figure:
    figure = new_figure(8.5, 9)
    axes = figure.subplots()
    left, right, bottom, top = extent
    # Tiles stand around their points: the sheet reaches half a step further than the grid.
    across, up = (max(right - left, 1e-6) / (grid - 1) / 2, max(top - bottom, 1e-6) / (grid - 1) / 2)
    around = (left - across, right + across, bottom - up, top + up)
    axes.imshow(sheet(images, grid, gap=0), cmap=PIXELS, vmin=0, vmax=1, extent=around, aspect="auto")
    axes.set_xlabel(plane.axis_names[0])
    axes.set_ylabel(plane.axis_names[1])
    return titled(figure, title, f"on {plane.name}")


def scatter(plane: Plane, latents: Float32, labels: NDArray[np.int64], what: str = "test pictures") -> Figure:
    """Where pictures lie on a plane of the latent space, by label."""
    title = f"Latents of {len(latents):,} {what} by label"
    return scatter_points(plane.coordinates(latents), labels, title, f"on {plane.name}", plane.axis_names)


def scatter_points(
    points: Float32, labels: NDArray[np.int64], title: str, note: str, axis_names: tuple[str, str]
) -> Figure:
    """Points (count, 2) coloured and marked by label, with a legend; far outliers lie outside the frame."""
    figure = new_figure(9.5, 7)
    axes = figure.subplots()
    order = np.random.default_rng(0).permutation(len(points))  # else the last label hides the others
    for label, name in enumerate(LABELS):
        chosen = order[labels[order] == label]
        axes.scatter(
            points[chosen, 0],
            points[chosen, 1],
            s=9,
            c=LABEL_COLOURS[label],
            marker=LABEL_MARKERS[label],
            alpha=0.55,
            linewidths=0,
            rasterized=True,
            label=name,
        )
    low, high = np.percentile(points, [0.2, 99.8], axis=0)
    margin = 0.06 * np.maximum(high - low, 1e-6)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    legend = figure.legend(loc="outside right center", markerscale=2.5, title="label")
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1)
    return titled(figure, title, note)
