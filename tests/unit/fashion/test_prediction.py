"""One picture's arithmetic in plain floats, held against the same formulas on arrays."""

import numpy as np
import pytest

from fashion.novelty import Distance, NoveltyScore, Outputs, energy, row_energy
from fashion.prediction import row_softmax, row_with_confidence, softmax, with_confidence

CURVES = [(1.0, 1.0, 0.0), (0.25, 1.19, -0.8), (0.5, 0.7, 0.5), (40.0, 0.0, 0.0), (0.0, 0.0, -9.0)]


def logits(spread: float) -> np.ndarray:
    return np.random.default_rng(5).normal(scale=spread, size=(50, 10))


@pytest.mark.parametrize("spread", [0.01, 3.0, 300.0])
def test_a_row_of_logits_becomes_the_probabilities_that_an_array_of_them_does(spread: float) -> None:
    together = softmax(logits(spread))
    alone = [row_softmax(row) for row in logits(spread).tolist()]
    np.testing.assert_allclose(alone, together, rtol=1e-12)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("spread", [0.01, 3.0, 300.0])
def test_a_rows_confidence_moves_as_an_arrays_does(curve: tuple[float, float, float], spread: float) -> None:
    probabilities = softmax(logits(spread))
    alone = [row_with_confidence(row.tolist(), int(row.argmax()), curve) for row in probabilities]
    np.testing.assert_allclose(alone, with_confidence(probabilities, curve), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spread", [0.01, 3.0, 300.0])
def test_a_rows_energy_is_that_of_an_array(spread: float) -> None:
    np.testing.assert_allclose([row_energy(row) for row in logits(spread).tolist()], energy(logits(spread)))


def test_distances_are_those_from_the_nearest_group_after_whitening() -> None:
    random = np.random.default_rng(2)
    whitening, means, rows = (random.normal(size=shape) for shape in ((6, 4), (3, 4), (20, 6)))
    apart = (rows @ whitening)[:, None, :] - means
    expected = np.sqrt((apart**2).sum(axis=2)).min(axis=1)
    distance = Distance(whitening, means)
    np.testing.assert_allclose(distance(rows.astype(np.float32)), expected, rtol=1e-4)
    alone = [distance.of_one(row) for row in rows.astype(np.float32)]
    np.testing.assert_allclose(alone, expected, rtol=1e-4)


def test_a_rows_novelty_is_that_of_an_array() -> None:
    random = np.random.default_rng(3)
    logits, features, early = (random.normal(size=(40, size)).astype(np.float32) for size in (10, 6, 5))
    rows = Outputs(logits, features, early)
    views = [Distance(random.normal(size=(size, 4)), random.normal(size=(3, 4))) for size in (6, 5)]
    score = NoveltyScore(*views, distance_weight=1.5, energy_weight=0.5, early_weight=0.25)
    without = rows._replace(early=None)
    # Products of single rows and of many are added up in another order, in 32 bits.
    np.testing.assert_allclose(score.of_each(rows), score(rows), rtol=1e-5)
    np.testing.assert_allclose(score.of_each(without), score(without), rtol=1e-5)
