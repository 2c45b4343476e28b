"""How every picture looks, and how it is written: one style, PNG and SVG.

Colours are the ten of Petroff (arXiv:2107.02270), chosen to be told apart with any colour vision; labels
differ in their markers as well. Quantities use cividis, which prints well in grey.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

LABEL_COLOURS: Final = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
LABEL_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
"""One for each label, in dataset order."""
RIGHT: Final = "#3f90da"
WRONG: Final = "#bd1f01"
"""As the text draws its bars: blue for right, red for wrong."""
TRAIN: Final = "#ffa90e"
VALIDATION: Final = "#3f90da"
QUANTITY: Final = "cividis"
PIXELS: Final = "gray"
HEAT: Final = "inferno"

FORMATS: Final = ("png", "svg")

_STYLE: Final[dict[str, Any]] = {
    "figure.dpi": 100,
    "savefig.dpi": 130,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "fashion",  # the same picture gives the same bytes
}


@contextmanager
def style() -> Iterator[None]:
    """Draw and write figures inside this, and the user's own matplotlib settings change nothing."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]  # its keys are a closed list there
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches that makes room for its own labels."""
    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, folder: Path, name: str, *, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write NAME.png and NAME.svg, each whole or not at all, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in formats:
        path, draft = folder / f"{name}.{kind}", folder / f".{name}.partial"
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        try:
            with style():
                figure.savefig(draft, format=kind, metadata=metadata, facecolor="white")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        written.append(path)
    return written


def axes_grid(figure: Figure, rows: int, columns: int) -> NDArray[np.object_]:
    """Axes (rows, columns), always as a table."""
    return np.asarray(figure.subplots(rows, columns, squeeze=False))


def show_pixels(axes: Axes, image: NDArray[Any], *, colours: str = PIXELS, largest: float = 0) -> Any:
    """An image without ticks; grey ones (height, width) run from 0 to `largest`, or to their type's."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    if image.ndim == 3:
        return axes.imshow(image)
    top = largest or (255 if image.dtype == np.uint8 else 1)
    return axes.imshow(image, cmap=colours, vmin=0, vmax=top)


def sheet(images: NDArray[Any], columns: int, *, gap: int = 1, background: float = 1.0) -> NDArray[Any]:
    """Images (count, height, width) as one, row by row: hundreds of axes would take minutes to draw."""
    count, height, width = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    tiles = np.full(shape, background, dtype=np.float32)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        tiles[top : top + height, left : left + width] = image
    return tiles


def captioned_sheet(
    axes: Axes,
    images: NDArray[Any],
    captions: Sequence[str],
    columns: int,
    *,
    font_size: float = 7,
    lines: int = 1,
) -> None:
    """Images (count, height, width) from 0 to 1 as one sheet, each below its caption of some lines."""
    height, width = images.shape[1:]
    above = 8 * lines  # pixels of the pictures' own size, for the text
    framed = np.ones((len(images), height + above, width), dtype=np.float32)
    framed[:, above:] = images
    show_pixels(axes, sheet(framed, columns, gap=3))
    for index, caption in enumerate(captions):
        left, top = (index % columns) * (width + 3), (index // columns) * (height + above + 3)
        axes.text(left + width / 2, top + above - 2, caption, ha="center", va="bottom", fontsize=font_size)


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes to [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def spread_by_label(labels: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    """Indices of the first `each` pictures of every label, label by label; fewer where there are fewer."""
    return np.concatenate([np.flatnonzero(labels == label)[:each] for label in np.unique(labels)])


def titled(figure: Figure, title: str, note: str = "") -> Figure:
    """A title over everything, with a smaller line below it."""
    figure.suptitle(title if not note else f"{title}\n{note}", fontsize=12)
    return figure


def columns_for(count: int, widest: int = 10) -> int:
    """How many columns show `count` things about as a square, at most `widest`."""
    return max(1, min(widest, int(np.ceil(np.sqrt(count)))))


def label_ticks(axes: Axes, names: Sequence[str], *, rotation: int = 45) -> None:
    """The names of labels along the horizontal axis."""
    axes.set_xticks(range(len(names)), names, rotation=rotation, ha="right" if rotation else "center")


def shortened(name: str, longest: int = 32) -> str:
    """A name that fits beside a picture; of a longer one, its two ends."""
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"
