"""How unlike the training data a picture is: the statistics behind `fashion.classifier.NoveltyScore`.

The score adds two views that fail differently: the distance from the nearest group of training pictures in
the network's features, and the energy of its logits. Each is divided by its own spread on calibration
pictures. All thresholds come from in-distribution pictures; what is no garment is only ever measured.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf_shrinkage

from fashion.classifier import NoveltyScore
from training.answers import Answers

FALSE_ALARMS = 0.05
"""The share of in-distribution pictures that is called novel."""

_NUM_QUANTILES = 200


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyFit:
    """What an artifact carries for one kind of picture."""

    whitening: NDArray[np.float32]
    """(num_features, directions)."""
    class_means: NDArray[np.float32]
    """(groups, directions), whitened."""
    distance_weight: float
    energy_weight: float
    quantiles: NDArray[np.float64]
    """Evenly spaced quantiles of the scores of calibration pictures, ascending."""

    @property
    def threshold(self) -> float:
        """The novelty, a rank from 0 to 1, beyond which a picture counts as out of distribution."""
        return 1 - FALSE_ALARMS

    def score(self) -> NoveltyScore:
        """The score as serving computes it."""
        return NoveltyScore(
            self.whitening,
            self.class_means,
            distance_weight=self.distance_weight,
            energy_weight=self.energy_weight,
        )

    def content(self) -> bytes:
        """The arrays as the artifact's .npz file."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, whitening=self.whitening, class_means=self.class_means)
        return file.getvalue()


def fit_novelty(trained: Answers, calibration: Answers) -> NoveltyFit:
    """Learn where features lie from pictures that were trained on, and how scores spread from others.

    `trained` gives the groups' means and their shared covariance; `calibration`, never trained on, gives the
    weights and the quantiles, so that a novelty of 0.95 means 5% of false alarms on new pictures.
    """
    whitening, class_means = _whitened(trained)
    parts = [
        NoveltyScore(whitening, class_means, distance_weight=distance, energy_weight=energy)
        for distance, energy in ((1.0, 0.0), (0.0, 1.0))
    ]
    spreads = [float(np.std(part(calibration.logits, calibration.features))) for part in parts]
    distance_weight, energy_weight = (1 / max(spread, 1e-6) for spread in spreads)
    score = NoveltyScore(whitening, class_means, distance_weight=distance_weight, energy_weight=energy_weight)
    levels = (np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES
    quantiles = np.quantile(score(calibration.logits, calibration.features), levels)
    return NoveltyFit(whitening, class_means, distance_weight, energy_weight, quantiles)


def _whitened(trained: Answers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Directions in which the groups' shared covariance is the identity, and the groups' means along them.

    The covariance is shrunk towards a sphere (Ledoit and Wolf 2004), which keeps it invertible when pictures
    are few or features never fire.
    """
    groups = trained.groups
    features = trained.features.astype(np.float64)
    means = np.stack([features[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    residuals = features - means[groups]
    covariance = residuals.T @ residuals / len(residuals)
    shrinkage = float(ledoit_wolf_shrinkage(residuals, assume_centered=True))
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    variances, directions = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * sphere)
    whitening = directions / np.sqrt(np.maximum(variances, 1e-9))
    return whitening.astype(np.float32), (means @ whitening).astype(np.float32)
