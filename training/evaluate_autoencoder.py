"""The report on an autoencoder: the exported artifact, through the engine that serves it.

Which figures there are, and which of them the material allows; how each is measured is in the files that are
imported here. Nothing is chosen or fitted from what is seen of the test split.
"""

from dataclasses import dataclass

import numpy as np

from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.inputs import SIDE
from training.bounds import bound, entropy_floor_nats, importance_bound
from training.dataset import Dataset
from training.drawing import generates, knows_labels
from training.goals import AUTOENCODER_GOALS, goals_table
from training.judging import judge_samples
from training.label_agreement import SAMPLES_OF_A_LABEL, label_agreement
from training.latent_quality import latent_figures
from training.neighbours import nearest_distances
from training.recipes.vae import RELEASED_AS
from training.reconstructing import reconstruction_figures
from training.report import Report, Table
from training.timing import median_seconds

_CALLS = 200  # that a median time is taken of


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What an autoencoder is measured with, beside the pictures; what is not at hand is left out."""

    training: Dataset | None = None
    """Pictures that the model learned from, or could have."""
    classifier: Classifier | None = None
    """It is shown samples by label."""
    judge: Classifier | None = None
    """Samples are compared with real pictures in its embedding."""
    importance_pictures: int = 0
    """On how many pictures the importance-weighted bound is measured; 0 leaves it out."""
    samples_of_a_label: int = SAMPLES_OF_A_LABEL


def evaluate_autoencoder(
    autoencoder: Autoencoder,
    dataset: Dataset,
    name: str,
    witnesses: Witnesses | None = None,
    *,
    seed: int = 0,
) -> Report:
    """Measure everything that the model has; `name` says which pictures these are (`test`, `validation`)."""
    manifest, by = autoencoder.artifact.manifest, witnesses or Witnesses()
    figures = reconstruction_figures(autoencoder, dataset.images)
    tables: list[Table] = []
    if manifest.variational:
        figures |= _nats(autoencoder, dataset, by.importance_pictures, seed)
    if by.classifier is not None and knows_labels(autoencoder):
        agreement = label_agreement(autoencoder, by.classifier, dataset, by.samples_of_a_label, seed)
        figures |= agreement.figures()
        tables.append(agreement.table())
    if by.training is not None:
        figures |= latent_figures(autoencoder, by.training, dataset, seed=seed)
    if by.training is not None and generates(autoencoder):
        figures |= nearest_distances(autoencoder, by.training, dataset, seed=seed).figures()
        if by.judge is not None:
            judgement = judge_samples(autoencoder, by.judge, by.training, dataset, seed=seed)
            figures |= judgement.figures()
            tables.append(judgement.table())
    figures |= _cost(autoencoder)
    if manifest.name == RELEASED_AS and name == "test":
        tables.insert(0, goals_table(AUTOENCODER_GOALS, figures))
    subject = (
        f"{manifest.name}, recipe {manifest.recipe.name}, seed {manifest.seed}, commit "
        f"{manifest.source_commit}: the exported artifact in the serving engine, on {len(dataset):,} {name} "
        "pictures."
    )
    return Report(f"Autoencoder on the {name} split", subject, figures, tables)


def _nats(
    autoencoder: Autoencoder, dataset: Dataset, importance_pictures: int, seed: int
) -> dict[str, float]:
    figures = bound(autoencoder, dataset.images, seed).figures()
    floor = entropy_floor_nats(dataset.images)
    figures |= {"entropy_floor_nats": floor, "above_floor_nats": figures["negative_elbo_nats"] - floor}
    if importance_pictures:
        figures |= importance_bound(autoencoder, dataset.images, importance_pictures, seed=seed).figures()
    return figures


def _cost(autoencoder: Autoencoder) -> dict[str, float]:
    """Parameters, dimensions, bytes, and the median time of a call on one thread of this machine."""
    artifact = autoencoder.artifact
    images = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    latents = np.zeros((1, autoencoder.latent_size), dtype=np.float32)
    return {
        "num_parameters": artifact.manifest.num_parameters,
        "latent_size": autoencoder.latent_size,
        "num_bytes": sum(path.stat().st_size for path in artifact.folder.iterdir()),
        "milliseconds_to_encode": 1e3 * median_seconds(lambda: autoencoder.encode(images), _CALLS),
        "milliseconds_to_decode": 1e3 * median_seconds(lambda: autoencoder.decode(latents), _CALLS),
    }
