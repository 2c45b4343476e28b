"""Generated pictures against real ones, in the embedding of the judge (recipe `judge`).

The judge is a classifier that nothing learned from. Variants of the released VAE were chosen by what it says
of validation's pictures (docs/vae.md), so its figures on test may flatter that VAE a little. Its own split
does not matter to a sample, so real pictures are compared twice to say what the figures mean: two halves of
training, which is the least distance that chance leaves, and training against the split that samples are held
against, which is what a perfect memory of training would get.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import InvalidValue
from training.answers import answers_to, as_network_inputs
from training.dataset import Dataset
from training.drawing import drawn
from training.recipes.judge import JUDGE
from training.released_files import RELEASE_SUFFIX, RELEASES
from training.report import Table
from training.sample_quality import SampleQuality, frechet_distance, sample_quality

JUDGES: Final = RELEASES / "judges"
"""Apart from the releases that are served: what lies here is only measured with."""
NUM_SAMPLES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """Samples, and training pictures in their place, against held-out pictures."""

    samples: SampleQuality
    training: SampleQuality
    num_pictures: int
    """Of each kind."""
    halves_distance: float
    """Frechet distance between two halves of the training pictures."""

    @property
    def frechet_ratio(self) -> float:
        """The samples' distance in units of the halves'."""
        return self.samples.frechet_distance / self.halves_distance

    def figures(self) -> dict[str, float]:
        """The samples' figures, and what they are held against."""
        return {
            **self.samples.figures("samples"),
            "halves_of_training_frechet_distance": self.halves_distance,
            "samples_frechet_ratio": self.frechet_ratio,
            "samples_recall_ratio": self.samples.recall / self.training.recall,
            "training_frechet_distance": self.training.frechet_distance,
        }

    def table(self) -> Table:
        """Samples beside real pictures."""
        columns = ("pictures", "Frechet distance", "precision", "recall", "density", "coverage")
        rows = [
            (name, made.frechet_distance, made.precision, made.recall, made.density, made.coverage)
            for name, made in (("samples", self.samples), ("training pictures", self.training))
        ]
        note = (
            f"{self.num_pictures:,} of each against as many held-out pictures, in the judge's embedding. "
            f"Between two halves of training the distance is {self.halves_distance:.4f}."
        )
        return Table("Samples among real pictures", columns, rows, note)


def judge_samples(
    autoencoder: Autoencoder, judge: Classifier, training: Dataset, held_out: Dataset, *, seed: int = 0
) -> Judgement:
    """Hold samples without a label, as many as there are held-out pictures (NUM_SAMPLES at most), against
    those pictures."""
    count = min(NUM_SAMPLES, len(held_out))
    order = np.random.default_rng(seed).permutation(len(training))
    learned = embedded(judge, training.images[order])
    real = embedded(judge, held_out.images[:count])
    middle = len(learned) // 2
    return Judgement(
        samples=sample_quality(embedded(judge, drawn(autoencoder, count, seed)), real),
        training=sample_quality(learned[:count], real),
        num_pictures=count,
        halves_distance=frechet_distance(learned[:middle], learned[middle:]),
    )


def embedded(judge: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The judge's features of network inputs (count, 28, 28): (count, num_features)."""
    unlabelled = np.zeros((len(images), 0), dtype=bool)
    return answers_to(judge, as_network_inputs(images), unlabelled).features


def released_judge(folder: Path = JUDGES) -> Path:
    """The file of the judge in the repository; raises InvalidValue where there is none."""
    found = sorted(folder.glob(f"{JUDGE}-*{RELEASE_SUFFIX}"))
    if len(found) != 1:
        raise InvalidValue(
            f"Expected one {JUDGE}-*{RELEASE_SUFFIX} in {folder}, found {len(found)}: check the repository "
            f"out again, or train one (`train judge`) and name its run with --judge.",
            field="--judge",
        )
    return found[0]
