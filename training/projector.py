"""TensorBoard's embedding projector: what plain `tensorboard --logdir` opens.

Files in one folder: `NAME.tsv` a tensor each, `metadata.tsv`, `sprite.png`, the config. PCA, t-SNE
and the axes between labels are computed here too, as tensors of their own and as figures.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from fashion.artifact import Artifact
from fashion.errors import InvalidValue
from fashion.inputs import SIDE
from fashion.labels import LABELS
from training.dataset import Dataset
from training.figures.latents import scatter_points
from training.figures.style import save, style
from training.projections import Projection, projections_of
from training.vectors import Vectors, vectors_of

CONFIG_FILE: Final = "projector_config.pbtxt"
METADATA_FILE: Final = "metadata.tsv"
SPRITE_FILE: Final = "sprite.png"
_LARGEST_SPRITE: Final = 8192  # pixels a side, what browsers take as a texture


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One set of points that the projector offers."""

    name: str
    values: NDArray[np.float32]


def export_projector(artifacts: Sequence[Artifact], dataset: Dataset, folder: Path) -> list[Path]:
    """Write everything for the pictures of `dataset`, as the artifacts see them; return the figures' paths.

    Raises InvalidValue where the folder holds a projector already, or the pictures do not fit on a sprite.
    """
    if (folder / CONFIG_FILE).exists():
        raise InvalidValue(f"{folder} holds a projector already: choose another --out.", field="--out")
    columns = int(np.ceil(np.sqrt(len(dataset))))
    if columns * SIDE > _LARGEST_SPRITE:
        most = (_LARGEST_SPRITE // SIDE) ** 2
        raise InvalidValue(
            f"A sprite holds {most:,} pictures at most, not {len(dataset):,}.", field="--count"
        )
    seen = [vectors_of(artifact, dataset) for artifact in artifacts]
    tensors, projections = _tensors(artifacts, seen, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for tensor in tensors:
        np.savetxt(folder / f"{tensor.name}.tsv", tensor.values, fmt="%.5g", delimiter="\t")
    (folder / METADATA_FILE).write_text(metadata(dataset, seen), encoding="utf-8")
    (folder / SPRITE_FILE).write_bytes(sprite(dataset.images, columns))
    (folder / CONFIG_FILE).write_text(
        config(tensors), encoding="utf-8"
    )  # last: without it there is no projector
    return _draw(projections, dataset, folder / "figures")


def metadata(dataset: Dataset, seen: Sequence[Vectors]) -> str:
    """A line a picture: index, label, and what a classifier among the models predicts and how surely."""
    made = next((vectors.predictions for vectors in seen if vectors.predictions is not None), None)
    lines = ["\t".join(["index", "label", *(["predicted", "probability"] if made else [])])]
    for index, label in enumerate(dataset.labels):
        said = [LABELS[made[index].class_index], f"{made[index].probability:.4f}"] if made else []
        lines.append("\t".join([str(index), LABELS[label], *said]))
    return "\n".join(lines) + "\n"


def sprite(images: NDArray[np.uint8], columns: int) -> bytes:
    """Images (count, 28, 28) row by row without gaps, as the projector cuts them; the rest is black."""
    rows = -(-len(images) // columns)
    padded = np.zeros((rows * columns, SIDE, SIDE), dtype=np.uint8)
    padded[: len(images)] = images
    tiles = padded.reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2).reshape(rows * SIDE, columns * SIDE)
    buffer = io.BytesIO()
    Image.fromarray(tiles).save(buffer, "PNG")
    return buffer.getvalue()


def config(tensors: Sequence[Tensor]) -> str:
    """What TensorBoard reads: every tensor with the same metadata and sprite, paths beside this file."""
    message = ProjectorConfig()
    for tensor in tensors:
        embedding = message.embeddings.add()
        embedding.tensor_name = tensor.name
        embedding.tensor_shape.extend(tensor.values.shape)
        embedding.tensor_path = f"{tensor.name}.tsv"
        embedding.metadata_path = METADATA_FILE
        embedding.sprite.image_path = SPRITE_FILE
        embedding.sprite.single_image_dim.extend([SIDE, SIDE])
    text: str = text_format.MessageToString(message)
    return text


def _tensors(
    artifacts: Sequence[Artifact], seen: Sequence[Vectors], dataset: Dataset
) -> tuple[list[Tensor], list[Projection]]:
    pixels = dataset.images.reshape(len(dataset), -1).astype(np.float32)
    tensors, projections = [], []
    for artifact, vectors in zip(artifacts, seen, strict=True):
        what = f"{vectors.name} of {artifact.manifest.name}"
        name = f"{artifact.manifest.name}-{vectors.name}"
        tensors.append(Tensor(name, vectors.values))
        for projection in projections_of(vectors.values, dataset.labels, what):
            tensors.append(Tensor(f"{name}-{projection.name}", projection.points))
            projections.append(projection)
    return [*tensors, Tensor("pixels", pixels)], projections


def _draw(projections: Sequence[Projection], dataset: Dataset, folder: Path) -> list[Path]:
    written: list[Path] = []
    with style():
        for number, projection in enumerate(projections, start=1):
            points = projection.points
            if points.shape[1] < 2:
                points = np.pad(points, ((0, 0), (0, 1)))
            axes = (*projection.axis_names, "")[:2]
            note = f"{len(dataset):,} pictures by label"
            figure = scatter_points(points[:, :2], dataset.labels, projection.title, note, (axes[0], axes[1]))
            written += save(figure, folder, f"{number:02d}-{projection.name}")
    return written
