"""Whether a label that is asked for is obeyed: samples by label, shown to a classifier."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.labels import LABELS, NUM_LABELS
from training.answers import as_network_inputs, batched_pictures
from training.dataset import Dataset
from training.drawing import drawn_of_label
from training.report import Table

SAMPLES_OF_A_LABEL: Final = 1_000
"""At an agreement of 95%, the standard error is 0.7 point."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a classifier sees the label that a sample was drawn for, and how often a picture's own."""

    classifier: str
    """Whose eyes they are: another version sees another share."""
    samples_of_a_label: int
    on_samples: list[float]
    on_pictures: list[float]

    def figures(self) -> dict[str, float]:
        """Means over the labels, and how far the samples fall short."""
        samples, pictures = float(np.mean(self.on_samples)), float(np.mean(self.on_pictures))
        return {
            "label_agreement": samples,
            "label_agreement_of_real_pictures": pictures,
            "label_agreement_gap": pictures - samples,
        }

    def table(self) -> Table:
        """A row for each label."""
        rows = list(zip(LABELS, self.on_samples, self.on_pictures, strict=True))
        note = (
            f"{self.samples_of_a_label:,} samples of each label; agreement: the recall of {self.classifier}."
        )
        return Table("Samples by label", ("label", "agreement", "agreement of real pictures"), rows, note)


def label_agreement(
    autoencoder: Autoencoder, classifier: Classifier, dataset: Dataset, count: int, seed: int
) -> Agreement:
    """Draw `count` samples of every label and ask the classifier; it is asked of real pictures too."""
    right = _is_right(classifier, dataset)
    samples = [drawn_of_label(autoencoder, label, count, seed + label) for label in range(NUM_LABELS)]
    artifact = classifier.artifact
    return Agreement(
        f"{artifact.manifest.name} {artifact.sha256[:8]}",
        count,
        on_samples=[float(_is_right(classifier, each).mean()) for each in samples],
        on_pictures=[float(right[dataset.labels == label].mean()) for label in range(NUM_LABELS)],
    )


def _is_right(classifier: Classifier, dataset: Dataset) -> NDArray[np.bool_]:
    """Whether `classify` would answer with the picture's label."""
    batches = batched_pictures(as_network_inputs(dataset.images))
    said = [made.class_index for batch in batches for made in classifier.classify(batch)]
    return np.asarray(np.array(said) == dataset.labels)
