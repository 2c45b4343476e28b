"""What a released classifier says of pictures that are shown in training: a teacher without its run.

A run folder is gone when its machine is; an artifact is kept. It answers by the engine that serves it, the
whole network, whatever its early exit would have let go.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from fashion.artifact import Artifact
from fashion.engine import Array
from fashion.errors import InvalidValue
from fashion.manifest import STEM_MAPS
from training.released_files import RELEASES, opened_release

TEACHERS: Final = RELEASES / "teachers"
"""Apart from the releases that are served: what lies here is only learned from."""

_CLASSIFIER: Final = "classifier"
_DEEP: Final = "deep_classifier"


class ReleasedTeacher:
    """The classifier for network inputs of an artifact, asked in as many threads as torch uses."""

    def __init__(self, artifact: Artifact) -> None:
        """Raises InvalidValue where the artifact has no classifier."""
        if _CLASSIFIER not in artifact.manifest.graphs:
            raise InvalidValue(
                f"{artifact.folder.name} holds no classifier that could teach.", field="teacher"
            )
        first, deep = artifact.graphs[_CLASSIFIER], artifact.graphs.get(_DEEP)
        self._answer: Callable[[Array], Array] = lambda images: first(images, outputs=["logits"])[0]
        if deep is not None:
            self._answer = lambda images: deep(first(images, outputs=[STEM_MAPS])[0], outputs=["logits"])[0]
        self._threads = ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="teacher")
        self._num_threads = torch.get_num_threads()

    def logits(self, images: Tensor) -> Tensor:
        """Of Float (batch, 28, 28) on [0, 1], which is rounded to what a network input holds: Float
        (batch, labels), on the device of `images`."""
        inputs = (images * 255).round().to(torch.uint8).cpu().numpy()
        parts = self._threads.map(self._answer, np.array_split(inputs, self._num_threads))
        return torch.from_numpy(np.concatenate(list(parts))).to(images.device)


def released_teacher(file: str, folder: Path | None = None) -> ReleasedTeacher:
    """The teacher in a released file, of the repository unless told otherwise; raises InvalidValue where
    there is none."""
    folder = folder or TEACHERS
    path = folder / file
    if not path.is_file():
        raise InvalidValue(
            f"There is no teacher {file} in {folder}: check the repository out again.", field="teacher"
        )
    with opened_release(path) as artifact:
        return ReleasedTeacher(artifact)
