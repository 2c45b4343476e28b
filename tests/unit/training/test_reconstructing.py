import numpy as np
import pytest

from tests.unit.training.tiny_data import stripes
from training.bounds import pixels_of
from training.reconstructing import structural_similarity

PICTURES = pixels_of(stripes(6).images)


def test_a_picture_is_wholly_similar_to_itself():
    np.testing.assert_allclose(structural_similarity(PICTURES, PICTURES), 1, atol=1e-6)


def test_of_two_equal_errors_the_one_that_keeps_the_structure_is_more_similar():
    brighter = np.clip(PICTURES + 0.1, 0, 1)
    noise = np.random.default_rng(0).choice([-0.1, 0.1], PICTURES.shape).astype(np.float32)
    kept = structural_similarity(PICTURES, brighter)
    assert kept.shape == (6,)
    assert (kept > structural_similarity(PICTURES, PICTURES + noise)).all()


def test_flat_pictures_are_compared_by_their_light_alone():
    """Wang et al. 2004, equation 6: with no contrast, only the luminance term is left."""
    dark, light = (np.full((1, 28, 28), grey, dtype=np.float32) for grey in (0.2, 0.6))
    constant = 0.01**2
    expected = (2 * 0.2 * 0.6 + constant) / (0.2**2 + 0.6**2 + constant)
    assert structural_similarity(dark, light)[0] == pytest.approx(expected, rel=1e-3)
