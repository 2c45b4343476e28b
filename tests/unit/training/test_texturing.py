"""Texturing: what is frozen stays, who learns from what, and what the terms mean."""

import copy

import pytest
import torch
from torch import Tensor

from fashion.errors import InvalidValue
from tests.unit.training.test_autoencoders import TINY, random_batch
from training.autoencoding import VariationalSettings
from training.classifying import ClassifierSettings
from training.export import export_graph
from training.networks.classifiers import ResidualSettings
from training.recipes.classifiers import classifier
from training.recipes.vae import vae_likelihood, vae_released
from training.systems import System
from training.texturing import AUTOENCODER, CRITIC, TexturingSettings, TexturingSystem

TINY_CRITIC = ResidualSettings(width=2, doublings=1)
SETTINGS = TexturingSettings(TINY, TINY_CRITIC, grain_size=2, discriminator_width=2)


def trained_parts() -> dict[str, System]:
    torch.manual_seed(1)
    parts = {AUTOENCODER: VariationalSettings(TINY).build(), CRITIC: ClassifierSettings(TINY_CRITIC).build()}
    return {name: part.eval() for name, part in parts.items()}


@pytest.fixture
def system() -> TexturingSystem:
    torch.manual_seed(0)
    built = SETTINGS.build()
    built.build_on(trained_parts())
    return built.train()


def gradients(system: TexturingSystem, total: Tensor) -> set[str]:
    """The parts that a step on `total` moves."""
    system.zero_grad()
    total.backward()
    named = [
        (name, parameter.grad) for name, parameter in system.named_parameters() if parameter.grad is not None
    ]
    return {".".join(name.split(".")[:2]) for name, gradient in named if gradient.abs().sum() > 0}


def test_it_starts_from_the_trained_weights(system: TexturingSystem) -> None:
    parts = trained_parts()
    for ours, part in (
        (system.network.encoder.content, "encoder"),
        (system.network.decoder.smooth, "decoder"),
    ):
        theirs = parts[AUTOENCODER].network.get_submodule(part)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(system.critic.state_dict(), parts[CRITIC].network.state_dict())


def test_steps_change_the_textured_mode_and_its_teachers_and_nothing_else(system: TexturingSystem) -> None:
    before = copy.deepcopy(system.state_dict())
    optimiser = torch.optim.Adam([p for p in system.parameters() if p.requires_grad], 1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        system.training_terms(random_batch(), 0.5)["total"].backward()
        optimiser.step()
    changed = {name for name, value in system.state_dict().items() if not torch.equal(value, before[name])}
    running = {"contents", "real", "made", "real_labels", "made_labels"}
    assert {name.split(".")[0] for name in changed} == {"network", "discriminator", *running}
    assert all(name.startswith("network.decoder.textured") for name in changed if name.startswith("network"))


def test_the_discriminator_learns_from_its_own_loss_alone(system: TexturingSystem) -> None:
    terms = system.training_terms(random_batch(), 0.0)
    for name in ("realism_loss", "moment_slope", "feature_distance", "label_nats"):
        assert gradients(system, system.training_terms(random_batch(), 0.0)[name]) == {"network.decoder"}
    moved = gradients(system, terms["discriminator_loss"])
    assert {name.split(".")[0] for name in moved} == {"discriminator"}


def test_the_objective_is_the_weighed_sum_of_its_terms(system: TexturingSystem) -> None:
    terms = system.training_terms(random_batch(), 0.0)
    expected = (
        SETTINGS.realism_weight * terms["realism_loss"]
        + SETTINGS.moment_weight * terms["moment_slope"]
        + SETTINGS.feature_weight * terms["feature_distance"]
        + SETTINGS.label_weight * terms["label_nats"]
        + terms["discriminator_loss"]
    )
    torch.testing.assert_close(terms["total"], expected)


def test_what_is_drawn_depends_on_content_label_and_grain_once_it_has_learned(
    system: TexturingSystem,
) -> None:
    system.training_terms(random_batch(), 0.0)["total"].backward()
    gradient = system.network.decoder.textured.start.weight.grad
    assert gradient is not None
    assert (gradient.abs().sum(dim=0) > 0).all()


def test_validation_tells_how_far_draws_are_from_the_pictures(system: TexturingSystem) -> None:
    with torch.no_grad():
        terms = system.eval().validation_terms(random_batch())
    assert system.monitor in terms
    assert all(value.isfinite() for value in terms.values())


def test_the_exported_graphs_have_every_dimension(system: TexturingSystem) -> None:
    assert system.latent_size == SETTINGS.layout.size
    encoder, decoder = (export_graph(graph) for graph in system.graphs())
    assert [output.shape[1:] for output in encoder.outputs] == [(system.latent_size,)] * 2
    assert decoder.outputs[0].shape[1:] == (28, 28)


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
