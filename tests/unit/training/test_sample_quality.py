"""Distances between clouds of points, on clouds whose answer is known."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from training.sample_quality import (
    frechet_distance,
    inside_counts,
    nearest_squares,
    neighbour_radii,
    sample_quality,
)

RANDOM = np.random.default_rng(0)


def cloud(count: int = 500, size: int = 4, centre: float = 0.0, spread: float = 1.0, seed: int = 0):
    points = np.random.default_rng(seed).normal(centre, spread, (count, size))
    return points.astype(np.float32)


def test_the_frechet_distance_of_a_cloud_to_itself_is_zero():
    assert frechet_distance(cloud(), cloud()) == pytest.approx(0, abs=1e-5)


def test_a_shift_alone_is_its_squared_length():
    assert frechet_distance(cloud(), cloud() + np.float32(0.5)) == pytest.approx(4 * 0.25, rel=1e-3)


def test_a_spread_alone_is_the_squared_difference_of_deviations():
    points = cloud(100_000, 3)
    deviations = points.astype(np.float64).std(axis=0, ddof=1)
    assert frechet_distance(points, 3 * points) == pytest.approx(
        (2 * deviations) @ (2 * deviations), rel=1e-3
    )


def test_the_distance_does_not_depend_on_the_axes():
    first, second = cloud() * np.array([1, 2, 3, 4], np.float32), cloud(centre=1, seed=1)
    turn = special_ortho_group.rvs(4, random_state=0).astype(np.float32)
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(
        frechet_distance(first, second), rel=1e-4
    )


def test_samples_of_the_same_cloud_are_as_good_as_real():
    made = sample_quality(cloud(2_000), cloud(2_000, seed=1))
    assert made.frechet_distance < 0.05
    assert made.precision == pytest.approx(made.recall, abs=0.05)
    assert min(made.precision, made.recall) > 0.85
    assert made.density == pytest.approx(1, abs=0.1)
    assert made.coverage > 0.9


def test_samples_at_the_middle_alone_are_precise_and_recall_little():
    made = sample_quality(cloud(1_000, spread=0.1), cloud(1_000, seed=1))
    assert made.precision > 0.95
    assert made.recall < 0.05
    assert made.density > 1
    assert made.coverage < 0.5


def test_samples_elsewhere_are_worth_nothing():
    made = sample_quality(cloud(300, centre=50), cloud(300, seed=1))
    assert made.precision == made.recall == made.density == made.coverage == 0
    assert made.frechet_distance == pytest.approx(4 * 50**2, rel=0.05)


def test_radii_count_the_nearest_others_and_never_the_point_itself():
    points = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    np.testing.assert_allclose(neighbour_radii(points, 2), [[1, 9], [1, 4], [4, 9], [16, 36]])


def test_a_point_lies_in_every_ball_that_reaches_it():
    centres = np.array([[0.0], [1.0], [10.0]], dtype=np.float32)
    radii = np.array([4.0, 0.25, 1.0], dtype=np.float32)
    points = np.array([[1.0], [9.5], [5.0]], dtype=np.float32)
    assert inside_counts(points, centres, radii).tolist() == [2, 1, 0]


def test_more_points_than_are_held_at_once_change_nothing(monkeypatch):
    points, others = cloud(57, seed=1), cloud(40)
    whole = sample_quality(points, others), nearest_squares(points, others), neighbour_radii(points, 3)
    monkeypatch.setattr("training.sample_quality._ROWS", 10)
    parts = sample_quality(points, others), nearest_squares(points, others), neighbour_radii(points, 3)
    assert parts[0] == whole[0]
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-4)
    np.testing.assert_allclose(parts[2], whole[2], rtol=1e-4)
