"""Latents, reconstructions and samples: in nats, by label, and exactly by seed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from fashion.autoencoder import Autoencoder, cross_entropy_nats, kl_nats
from fashion.errors import DamagedArtifact, InvalidValue
from fashion.manifest import Manifest, Prior
from fashion.parts import one_by_one
from fashion.prior import GaussianMixture
from tests.tiny_artifacts import LATENT, tiny_autoencoder

P = TypeVar("P")
T = TypeVar("T")

IMAGES = np.random.default_rng(5).integers(0, 256, (6, 28, 28), dtype=np.uint8)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Autoencoder:
    return Autoencoder(tiny_autoencoder(tmp_path_factory.mktemp("vae") / "artifact"))


def test_latents_fed_back_decode_to_the_reconstruction(vae: Autoencoder) -> None:
    latents = vae.encode(IMAGES)
    np.testing.assert_array_equal(vae.decode(latents.mean), vae.reconstruct(IMAGES).images)


def test_a_reconstruction_reports_its_own_error(vae: Autoencoder) -> None:
    made = vae.reconstruct(IMAGES)
    expected = ((made.images.astype(float) - IMAGES / 255) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(made.mean_squared_error, expected, rtol=1e-5)
    assert made.reconstruction_nats is not None
    assert (made.reconstruction_nats > 0).all()


def test_a_plain_autoencoder_leaves_out_what_it_does_not_have(tmp_path: Path) -> None:
    plain = Autoencoder(tiny_autoencoder(tmp_path / "plain", variational=False))
    made = plain.reconstruct(IMAGES)
    assert plain.encode(IMAGES).log_variance is None
    assert (made.reconstruction_nats, made.kl_nats) == (None, None)
    with pytest.raises(InvalidValue, match="no prior"):
        plain.generate(1)


def test_kl_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    zeros = np.zeros((1, LATENT), dtype=np.float32)
    assert kl_nats(zeros, zeros) == pytest.approx(0)
    assert kl_nats(zeros + 1, zeros) == pytest.approx(LATENT / 2)
    assert kl_nats(zeros, zeros - 1) > 0


def test_cross_entropy_of_a_perfect_picture_is_its_own_entropy() -> None:
    half = np.full((1, 28, 28), 0.5, dtype=np.float32)
    assert cross_entropy_nats(half, half) == pytest.approx(784 * np.log(2))
    black = np.zeros((1, 28, 28), dtype=np.float32)
    assert cross_entropy_nats(black, black) == pytest.approx(0, abs=1e-2)
    assert np.isfinite(cross_entropy_nats(black, black + 1)).all()


def test_the_same_seed_gives_the_same_samples_and_another_seed_others(vae: Autoencoder) -> None:
    first, again, other = (vae.generate(20, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.images, again.images)
    assert first.labels == again.labels
    assert not np.array_equal(first.images, other.images)


def test_the_largest_seed_of_the_contract_works(vae: Autoencoder) -> None:
    assert len(vae.generate(1, seed=2**53 - 1).images) == 1


def test_a_label_that_is_asked_for_is_the_label_of_every_sample(vae: Autoencoder) -> None:
    assert vae.generate(5, label=3).labels == [3] * 5


def test_without_temperature_only_the_centres_are_drawn(vae: Autoencoder) -> None:
    drawn = vae.generate(50, label=2, temperature=0).latents
    assert len(np.unique(drawn.round(5), axis=0)) == 2


def test_labels_are_drawn_by_their_own_frequencies() -> None:
    frequencies = np.array([0.7, 0.3, *[0.0] * 8])
    mixture = GaussianMixture.from_arrays(
        {
            "weights": np.ones((10, 1)),
            "means": np.zeros((10, 1, 2)),
            "factors": np.zeros((10, 1, 2, 2)),
            "label_frequencies": frequencies,
        },
        latent_size=2,
    )
    _, labels = mixture.sample(20_000, None, 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(labels, minlength=10) / 20_000, frequencies, atol=0.01)


def test_a_mixture_draws_with_the_covariance_it_was_given() -> None:
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    mixture = GaussianMixture.from_arrays(
        {
            "weights": np.ones((10, 1)),
            "means": np.full((10, 1, 2), 5.0),
            "factors": np.tile(factor, (10, 1, 1, 1)),
            "label_frequencies": np.ones(10),
        },
        latent_size=2,
    )
    latents, _ = mixture.sample(50_000, 4, 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(latents.T), factor @ factor.T, atol=0.03)
    np.testing.assert_allclose(latents.mean(axis=0), 5, atol=0.02)


def test_a_label_that_is_asked_for_has_weights_of_its_own() -> None:
    arrays = {
        "weights": np.ones((10, 2)),
        "means": np.tile([[-1.0], [1.0]], (10, 1, 1)),
        "factors": np.zeros((10, 2, 1, 1)),
        "label_frequencies": np.ones(10),
        "asked_weights": np.tile([0.0, 1.0], (10, 1)),
    }
    mixture = GaussianMixture.from_arrays(arrays, latent_size=1)
    random = np.random.default_rng(0)
    assert set(mixture.sample(500, 6, 1.0, random)[0].ravel()) == {1}
    assert set(mixture.sample(500, None, 1.0, random)[0].ravel()) == {-1, 1}
    with pytest.raises(DamagedArtifact, match="asked_weights"):
        GaussianMixture.from_arrays({**arrays, "asked_weights": np.ones((10, 3))}, latent_size=1)


def test_a_mixture_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(DamagedArtifact, match="expected"):
        GaussianMixture.from_arrays(
            {
                "weights": np.ones((10, 1)),
                "means": np.zeros((10, 1, 3)),
                "factors": np.zeros((10, 1, 2, 2)),
                "label_frequencies": np.ones(10),
            },
            latent_size=2,
        )


def test_a_standard_normal_prior_knows_no_labels(tmp_path: Path) -> None:
    def plain_prior(manifest: Manifest) -> Manifest:
        return manifest.model_copy(update={"prior": Prior(kind="standard_normal")})

    vae = Autoencoder(tiny_autoencoder(tmp_path / "normal", change=plain_prior))
    assert vae.generate(3).labels is None
    with pytest.raises(InvalidValue, match="knows no labels"):
        vae.generate(3, label=0)


@pytest.mark.parametrize("shape", [(1, LATENT + 1), (1, LATENT - 1), (LATENT,)])
def test_latents_of_the_wrong_size_are_refused(vae: Autoencoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidValue, match=f"latents of {LATENT} numbers"):
        vae.decode(np.zeros(shape, dtype=np.float32))


def test_latents_that_are_not_finite_are_refused(vae: Autoencoder) -> None:
    with pytest.raises(InvalidValue, match="finite"):
        vae.decode(np.full((1, LATENT), np.nan, dtype=np.float32))


def test_many_latents_decode_as_one_by_one(vae: Autoencoder) -> None:
    latents = np.random.default_rng(0).normal(size=(150, LATENT)).astype(np.float32)
    alone = np.concatenate([vae.decode(row[None]) for row in latents])
    np.testing.assert_array_equal(vae.decode(latents), alone)


def test_latents_decode_alike_in_whatever_order_and_one_that_cannot_ends_the_others(vae: Autoencoder) -> None:
    def backwards(compute: Callable[[P], T], parts: Sequence[P], /) -> list[T]:
        return [compute(part) for part in reversed(parts)][::-1]

    def three(compute: Callable[[P], T], parts: Sequence[P], /) -> list[T]:
        one_by_one(compute, parts[:3])
        raise TimeoutError

    np.testing.assert_array_equal(vae.generate(9, in_parts=backwards).images, vae.generate(9).images)
    with pytest.raises(TimeoutError):
        vae.reconstruct(np.zeros((9, 28, 28), np.uint8), three)
