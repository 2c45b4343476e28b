"""How unlike the training data a picture is: the statistics behind `fashion.novelty.NoveltyScore`.

Each of the score's views is divided by its own spread on calibration pictures, and all count alike. All
thresholds come from in-distribution pictures; what is no garment is only ever measured.
"""

import io
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf_shrinkage

from fashion.novelty import Distance, NoveltyScore, energy
from training.answers import Answers

FALSE_ALARMS = 0.05
"""The share of in-distribution pictures that is called novel."""

_NUM_QUANTILES = 200

# Of wide features the directions in which training pictures vary most: what lies beyond is mostly shrinkage's
# sphere, and would fill more of the artifact than the network does.
_MAX_DIRECTIONS = 512


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Where groups of training pictures lie in one of the network's views, and how widely."""

    whitening: NDArray[np.float16]
    """(size, directions)."""
    class_means: NDArray[np.float32]
    """(groups, directions), whitened."""

    def distance(self) -> Distance:
        """As serving computes it."""
        return Distance(self.whitening, self.class_means)


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyFit:
    """What an artifact carries for one kind of picture."""

    features: Spread
    early: Spread | None
    """Of the first layer's statistics, for networks that give them."""
    distance_weight: float
    energy_weight: float
    early_weight: float
    quantiles: NDArray[np.float64]
    """Evenly spaced quantiles of the scores of calibration pictures, ascending."""

    @property
    def threshold(self) -> float:
        """The novelty, a rank from 0 to 1, beyond which a picture counts as out of distribution."""
        return 1 - FALSE_ALARMS

    def score(self) -> NoveltyScore:
        """The score as serving computes it."""
        return NoveltyScore(
            self.features.distance(),
            self.early.distance() if self.early else None,
            distance_weight=self.distance_weight,
            energy_weight=self.energy_weight,
            early_weight=self.early_weight,
        )

    def content(self) -> bytes:
        """The arrays as the artifact's .npz file."""
        arrays: dict[str, NDArray[Any]] = {
            "whitening": self.features.whitening,
            "class_means": self.features.class_means,
        }
        if self.early:
            arrays |= {"early_whitening": self.early.whitening, "early_class_means": self.early.class_means}
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        return file.getvalue()


def fit_novelty(trained: Answers, calibration: Answers) -> NoveltyFit:
    """Learn where pictures lie from those that were trained on, and how scores spread from others.

    `trained` gives the groups' means and their shared covariance; `calibration`, never trained on, gives the
    weights and the quantiles, so that a novelty of 0.95 means 5% of false alarms on new pictures.
    """
    groups = trained.groups
    features = _spread(trained.features, groups)
    early = None if trained.early is None else _spread(trained.early, groups)
    fit = NoveltyFit(
        features,
        early,
        distance_weight=_weight(features.distance()(calibration.features)),
        energy_weight=_weight(energy(calibration.logits)),
        early_weight=_weight(early.distance()(calibration.early))
        if early and calibration.early is not None
        else 0.0,
        quantiles=np.zeros(0),
    )
    levels = (np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES
    return replace(fit, quantiles=np.quantile(fit.score()(calibration.outputs), levels))


def _weight(values: NDArray[np.float64]) -> float:
    """What brings values to a standard deviation of one."""
    return 1 / max(float(np.std(values)), 1e-6)


def _spread(rows: NDArray[np.float32], groups: NDArray[np.int64]) -> Spread:
    """Directions in which the groups' shared covariance is the identity, the widest of them where there are
    many, and the groups' means along them.

    The covariance is shrunk towards a sphere (Ledoit and Wolf 2004), which keeps it invertible when pictures
    are few or features never fire.
    """
    values = rows.astype(np.float64)
    means = np.stack([values[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    residuals = values - means[groups]
    covariance = residuals.T @ residuals / len(residuals)
    shrinkage = float(ledoit_wolf_shrinkage(residuals, assume_centered=True))
    sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    variances, directions = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * sphere)
    variances, directions = variances[-_MAX_DIRECTIONS:], directions[:, -_MAX_DIRECTIONS:]  # ascending
    whitening = directions / np.sqrt(np.maximum(variances, 1e-9))
    stored = whitening.astype(np.float16)  # the means follow what is left of it
    return Spread(stored, (means @ stored.astype(np.float64)).astype(np.float32))
