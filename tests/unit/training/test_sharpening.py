"""Sharpening: what is frozen stays, who learns from what, and what the terms mean."""

import copy

import pytest
import torch
from torch import Tensor

from fashion.errors import InvalidValue
from tests.unit.training.test_autoencoders import TINY, random_batch
from training.autoencoding import VariationalSettings
from training.classifying import ClassifierSettings
from training.networks.classifiers import ResidualSettings
from training.networks.discriminators import Discriminator
from training.recipes.classifiers import classifier
from training.recipes.vae import vae_likelihood, vae_released
from training.sharpening import AUTOENCODER, CRITIC, SharpeningSettings, SharpeningSystem
from training.systems import System

TINY_CRITIC = ResidualSettings(width=2, doublings=1)
SETTINGS = SharpeningSettings(TINY, TINY_CRITIC, discriminator_width=2)


def trained_parts() -> dict[str, System]:
    torch.manual_seed(1)
    parts = {AUTOENCODER: VariationalSettings(TINY).build(), CRITIC: ClassifierSettings(TINY_CRITIC).build()}
    return {name: part.eval() for name, part in parts.items()}


@pytest.fixture
def system() -> SharpeningSystem:
    torch.manual_seed(0)
    built = SETTINGS.build()
    built.build_on(trained_parts())
    return built.train()


def gradients(system: SharpeningSystem, total: Tensor) -> set[str]:
    """The parts that a step on `total` moves."""
    system.zero_grad()
    total.backward()
    named = [
        (name, parameter.grad) for name, parameter in system.named_parameters() if parameter.grad is not None
    ]
    return {".".join(name.split(".")[:2]) for name, gradient in named if gradient.abs().sum() > 0}


def test_it_starts_from_the_trained_weights(system: SharpeningSystem) -> None:
    parts = trained_parts()
    torch.testing.assert_close(system.network.state_dict(), parts[AUTOENCODER].network.state_dict())
    torch.testing.assert_close(system.critic.state_dict(), parts[CRITIC].network.state_dict())


def test_steps_change_the_decoder_and_the_discriminator_and_nothing_else(system: SharpeningSystem) -> None:
    before = copy.deepcopy(system.state_dict())
    optimiser = torch.optim.Adam([p for p in system.parameters() if p.requires_grad], 1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        system.training_terms(random_batch(), 0.5)["total"].backward()
        optimiser.step()
    changed = {name for name, value in system.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"network", "discriminator"}
    assert all(name.startswith(("network.decoder", "discriminator")) for name in changed)


def test_the_discriminator_learns_from_its_own_loss_alone(system: SharpeningSystem) -> None:
    terms = system.training_terms(random_batch(), 0.0)
    assert gradients(system, terms["realism_loss"]) == {"network.decoder"}
    moved = gradients(system, system.training_terms(random_batch(), 0.0)["discriminator_loss"])
    assert {name.split(".")[0] for name in moved} == {"discriminator"}


def test_the_objective_is_the_weighed_sum_of_its_terms(system: SharpeningSystem) -> None:
    terms = system.training_terms(random_batch(), 0.0)
    expected = (
        terms["reconstruction_nats"]
        + SETTINGS.feature_weight * terms["feature_distance"]
        + SETTINGS.label_weight * terms["label_nats"]
        + SETTINGS.realism_weight * terms["realism_loss"]
        + terms["discriminator_loss"]
    )
    torch.testing.assert_close(terms["total"], expected)


def test_likelihood_is_told_as_the_first_course_tells_it(system: SharpeningSystem) -> None:
    first, batch = trained_parts()[AUTOENCODER], random_batch()
    with torch.no_grad():
        torch.manual_seed(5)
        before = first.validation_terms(batch)
        torch.manual_seed(5)
        after = system.eval().validation_terms(batch)
    for name in ("reconstruction_nats", "kl_nats", "mean_squared_error"):
        torch.testing.assert_close(after[name], before[name])


def test_a_picture_has_no_distance_to_itself(system: SharpeningSystem) -> None:
    batch = random_batch()
    perfect = torch.logit(batch.images.clamp(1e-6, 1 - 1e-6))
    images = batch.images
    assert system._likeness(batch, perfect, images, images)["feature_distance"] == 0
    assert system._likeness(batch, perfect, images, images.flip(1))["feature_distance"] > 0.01


def test_the_discriminator_answers_for_every_patch_and_for_the_whole() -> None:
    answers = Discriminator(2)(random_batch(3).images)
    assert answers.shape == (3, 7 * 7 + 1)


def test_a_discriminator_learns_to_tell_dark_from_bright() -> None:
    torch.manual_seed(0)
    discriminator, images = Discriminator(4), random_batch().images
    optimiser = torch.optim.Adam(discriminator.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        (discriminator(images / 8) - discriminator(images)).mean().backward()
        optimiser.step()
    assert discriminator(images).min() > discriminator(images / 8).max()


@pytest.mark.parametrize("missing", [AUTOENCODER, CRITIC])
def test_a_missing_part_is_named(missing: str) -> None:
    parts = {name: part for name, part in trained_parts().items() if name != missing}
    with pytest.raises(InvalidValue, match=f"Expected a trained {missing}"):
        SETTINGS.build().build_on(parts)


def test_a_part_of_another_size_is_refused() -> None:
    parts = {**trained_parts(), CRITIC: ClassifierSettings(ResidualSettings(width=4, doublings=1)).build()}
    with pytest.raises(InvalidValue, match="trained critic has another size"):
        SETTINGS.build().build_on(parts)


def test_a_system_that_builds_on_nothing_refuses_what_it_is_given() -> None:
    with pytest.raises(InvalidValue, match="VariationalSystem builds on no other system, but got critic"):
        VariationalSettings(TINY).build().build_on({"critic": trained_parts()[CRITIC]})


def test_the_released_recipe_fits_what_it_builds_on() -> None:
    released = vae_released()
    system = released.system.build()
    system.build_on({part: recipe.system.build() for part, recipe in released.builds_on.items()})
    assert released.builds_on == {AUTOENCODER: vae_likelihood(), CRITIC: classifier()}
