"""What an exported model computes on many pictures, through the engine that serves it: the input of
calibration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion.classifier import Classifier
from fashion.decoding import decode
from fashion.labels import NUM_LABELS
from fashion.networks import joined
from fashion.novelty import Outputs
from fashion.preparation import WORKING_SIDE, Prepared, prepare
from training.dataset import Dataset
from training.photographs import Photograph

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A classifier's outputs on labelled pictures of one kind, in their order."""

    logits: NDArray[np.float32]
    """(count, 10)."""
    features: NDArray[np.float32]
    """(count, num_features)."""
    acceptable: NDArray[np.bool_]
    """(count, 10): which labels are right. One for a network input; footwear in a photograph has three."""
    early: NDArray[np.float32] | None = None
    """(count, statistics) of the first layer, from networks that give them."""
    left_early: NDArray[np.bool_] | None = None
    """(count,): which of them half of a network with an early exit answered."""

    def __len__(self) -> int:
        return len(self.logits)

    def select(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Answers":
        """The chosen rows."""
        early = None if self.early is None else self.early[rows]
        left_early = None if self.left_early is None else self.left_early[rows]
        return Answers(self.logits[rows], self.features[rows], self.acceptable[rows], early, left_early)

    @property
    def outputs(self) -> Outputs:
        """What the classifier's graph gave."""
        return Outputs(self.logits, self.features, self.early, self.left_early)

    @property
    def groups(self) -> NDArray[np.int64]:
        """(count,): equal numbers for pictures with the same acceptable labels, from 0 without gaps."""
        return np.unique(self.acceptable, axis=0, return_inverse=True)[1].reshape(-1)


def answers_to(
    classifier: Classifier, pictures: Sequence[Prepared], acceptable: NDArray[np.bool_]
) -> Answers:
    """Run the classifier on pictures of one kind."""
    made = joined([classifier.outputs(batch) for batch in batched_pictures(pictures)])
    return Answers(made.logits, made.features, acceptable, made.early, made.left_early)


def batched_pictures(pictures: Sequence[Prepared]) -> Iterable[Sequence[Prepared]]:
    """The pictures in batches of a size at which the engine is fast."""
    return (pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH))


def as_network_inputs(images: NDArray[np.uint8]) -> list[Prepared]:
    """UInt8 (count, 28, 28) as pictures that need no preparation."""
    return [Prepared(image, "network_input") for image in images]


def one_label_each(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(count,) to (count, 10): the label is right and no other."""
    return np.eye(NUM_LABELS, dtype=bool)[labels]


def answers_to_dataset(classifier: Classifier, dataset: Dataset) -> Answers:
    """Run the classifier on network inputs."""
    return answers_to(classifier, as_network_inputs(dataset.images), one_label_each(dataset.labels))


def answers_to_photographs(classifier: Classifier, photographs: Sequence[Photograph]) -> Answers:
    """Decode, prepare and classify photographs exactly as the service does."""
    pictures = prepared_photographs(classifier, photographs)
    return answers_to(classifier, pictures, acceptable_labels(photographs))


def acceptable_labels(photographs: Sequence[Photograph]) -> NDArray[np.bool_]:
    """(count, 10): which labels are right for each photograph."""
    acceptable = np.zeros((len(photographs), NUM_LABELS), dtype=bool)
    for row, photograph in enumerate(photographs):
        acceptable[row, list(photograph.acceptable_classes)] = True
    return acceptable


def prepared_photographs(classifier: Classifier, photographs: Sequence[Photograph]) -> list[Prepared]:
    """Photographs as this classifier wants them."""
    side = max(WORKING_SIDE, classifier.view_side or 0)
    return [
        prepare(
            decode(photograph.path.read_bytes(), target_side=side),
            "photograph",
            view_side=classifier.view_side,
        )
        for photograph in photographs
    ]
