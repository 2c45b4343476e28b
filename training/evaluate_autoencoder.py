"""The report on an autoencoder: the exported artifact, through the engine that serves it.

-ELBO is told in its two terms, with standard errors over the pictures, from one latent a picture. Its KL
term is taken to the artifact's own prior, the one that `generate` draws from, by the same latent; the
closed form to N(0, I) stands beside it. Nothing is chosen or fitted from what is seen here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fashion.autoencoder import Autoencoder, cross_entropy_nats
from fashion.classifier import Classifier
from fashion.labels import LABELS, NUM_LABELS
from fashion.preparation import SIDE
from fashion.prior import GaussianMixture, prior_of
from training.answers import answers_to_dataset
from training.dataset import Dataset
from training.posteriors import posteriors_of
from training.prior_fitting import log_density
from training.report import Report, Table

Float64 = NDArray[np.float64]

SAMPLES_OF_A_LABEL: Final = 1_000
"""At an agreement of 95%, the standard error is 0.7 point."""
_BATCH: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The terms of -ELBO in nats, for every picture, from one sampled latent."""

    reconstruction_nats: Float64
    """(count,): cross-entropy of the pixels, the Bernoulli's with continuous pixels."""
    kl_nats: Float64
    """(count,): log q - log p of the sampled latent, p being the artifact's own prior."""
    standard_kl_nats: Float64
    """(count,): the closed form to N(0, I), which the model was trained against."""

    def figures(self) -> dict[str, float]:
        """Means over the pictures, and the standard errors of the two that are quoted."""
        total = self.reconstruction_nats + self.kl_nats
        standard = self.reconstruction_nats + self.standard_kl_nats
        return {
            "negative_elbo_nats": float(total.mean()),
            "negative_elbo_nats_error": standard_error(total),
            "reconstruction_nats": float(self.reconstruction_nats.mean()),
            "kl_nats": float(self.kl_nats.mean()),
            "standard_prior_negative_elbo_nats": float(standard.mean()),
            "standard_prior_negative_elbo_nats_error": standard_error(standard),
            "standard_prior_kl_nats": float(self.standard_kl_nats.mean()),
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a classifier sees the label that a sample was drawn for, and how often a picture's own."""

    samples_of_a_label: int
    on_samples: list[float]
    on_pictures: list[float]

    def figures(self) -> dict[str, float]:
        """Means over the labels."""
        return {
            "label_agreement": float(np.mean(self.on_samples)),
            "label_agreement_of_real_pictures": float(np.mean(self.on_pictures)),
        }

    def table(self) -> Table:
        """A row for each label."""
        rows = list(zip(LABELS, self.on_samples, self.on_pictures, strict=True))
        note = f"{self.samples_of_a_label:,} samples of each label; agreement is a classifier's recall."
        return Table("Samples by label", ("label", "agreement", "agreement of real pictures"), rows, note)


def evaluate_autoencoder(
    autoencoder: Autoencoder,
    dataset: Dataset,
    name: str,
    *,
    classifier: Classifier | None = None,
    samples_of_a_label: int = SAMPLES_OF_A_LABEL,
    seed: int = 0,
) -> Report:
    """Measure everything that the model has; `name` says which pictures these are (`test`, `validation`).

    With a classifier, and a prior that knows labels, samples are drawn by label and shown to it.
    """
    figures, tables = reconstruction_figures(autoencoder, dataset.images), []
    manifest = autoencoder.artifact.manifest
    if manifest.variational:
        figures |= bound(autoencoder, dataset.images, seed).figures()
        floor = entropy_floor_nats(dataset.images)
        figures |= {"entropy_floor_nats": floor, "above_floor_nats": figures["negative_elbo_nats"] - floor}
    if classifier is not None and manifest.prior.kind == "gaussian_mixture":
        agreement = label_agreement(autoencoder, classifier, dataset, samples_of_a_label, seed)
        figures |= agreement.figures()
        tables.append(agreement.table())
    tables.append(_cost_table(autoencoder))
    subject = (
        f"{manifest.name}, recipe {manifest.recipe.name}, seed {manifest.seed}, commit "
        f"{manifest.source_commit}: the exported artifact in the serving engine, on {len(dataset):,} {name} "
        "pictures."
    )
    return Report(f"Autoencoder on the {name} split", subject, figures, tables)


def bound(autoencoder: Autoencoder, images: NDArray[np.uint8], seed: int = 0) -> Bound:
    """-ELBO of network inputs (count, 28, 28) by one latent each; InvalidValue for a plain autoencoder."""
    posteriors = posteriors_of(autoencoder, images)
    latents, standard = posteriors.sampled(seed), posteriors.standard_kl_nats()
    prior = prior_of(autoencoder.artifact)
    own = standard
    if isinstance(prior, GaussianMixture):
        own = posteriors.log_density(latents) - log_density(prior, latents)
    return Bound(cross_entropy_nats(pixels_of(images), autoencoder.decode(latents)), own, standard)


def reconstruction_figures(autoencoder: Autoencoder, images: NDArray[np.uint8]) -> dict[str, float]:
    """Error of what is decoded from the posterior means: mean squared, and as mean PSNR in decibels."""
    parts = (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
    squared = np.concatenate([autoencoder.reconstruct(part).mean_squared_error for part in parts])
    return {
        "mean_squared_error": float(squared.mean()),
        "mean_squared_error_error": standard_error(squared),
        "psnr_decibels": float((-10 * np.log10(squared)).mean()),
    }


def entropy_floor_nats(images: NDArray[np.uint8]) -> float:
    """The pixels' own entropy, mean over images: no model's cross-entropy is below it (189.86 on test)."""
    pixels = pixels_of(images)
    return float(cross_entropy_nats(pixels, pixels).mean())


def pixels_of(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """UInt8 (count, 28, 28) on [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def standard_error(values: Float64) -> float:
    """Of the mean of independent values."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def label_agreement(
    autoencoder: Autoencoder, classifier: Classifier, dataset: Dataset, count: int, seed: int
) -> Agreement:
    """Draw `count` samples of every label and ask the classifier; it is asked of real pictures too."""
    right = _is_right(classifier, dataset)
    samples = [_samples(autoencoder, label, count, seed + label) for label in range(NUM_LABELS)]
    return Agreement(
        count,
        on_samples=[float(_is_right(classifier, drawn).mean()) for drawn in samples],
        on_pictures=[float(right[dataset.labels == label].mean()) for label in range(NUM_LABELS)],
    )


def _samples(autoencoder: Autoencoder, label: int, count: int, seed: int) -> Dataset:
    """Samples of a label as 8-bit pictures, which is what a client of `generate` gets."""
    images = np.rint(255 * autoencoder.generate(count, label=label, seed=seed).images)
    return Dataset(images.astype(np.uint8), np.full(count, label, dtype=np.int64))


def _is_right(classifier: Classifier, dataset: Dataset) -> NDArray[np.bool_]:
    predicted = answers_to_dataset(classifier, dataset).logits.argmax(axis=1)
    return np.asarray(predicted == dataset.labels)


def _cost_table(autoencoder: Autoencoder) -> Table:
    """Parameters, bytes, and the time of a call on one thread of this machine."""
    artifact = autoencoder.artifact
    images = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    latents = np.zeros((1, autoencoder.latent_size), dtype=np.float32)
    rows = [
        ("parameters", artifact.manifest.num_parameters),
        ("bytes of the artifact", sum(path.stat().st_size for path in artifact.folder.iterdir())),
        ("median ms to encode a picture", 1e3 * _median_seconds(lambda: autoencoder.encode(images))),
        ("median ms to decode a latent", 1e3 * _median_seconds(lambda: autoencoder.decode(latents))),
    ]
    return Table("Cost, on one thread", ("what", "value"), rows)


def _median_seconds(call: Callable[[], object], repetitions: int = 200) -> float:
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
