"""Encoders, decoders and the variational system: shapes, the objective's terms, and what is exported."""

import copy
from dataclasses import replace

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from training.autoencoding import VariationalSettings, VariationalSystem
from training.batches import Examples
from training.export import export_graph
from training.networks.autoencoders import (
    ConvolutionalAutoencoder,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    ConvolutionalSettings,
    PreactivationBlock,
)
from training.networks.classifiers import num_parameters
from training.recipes.vae import vae, vae_likelihood, vae_released
from training.systems import Batch

TINY = ConvolutionalSettings(latent_size=3, width=4, full_width=2)


def random_batch(count: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 28, 28), generator=generator, dtype=torch.uint8)
    return next(iter(Examples(images, torch.arange(count) % 10).in_order()))


def tiny_system(settings: VariationalSettings | None = None) -> VariationalSystem:
    torch.manual_seed(0)
    return (settings or VariationalSettings(TINY)).build()


@pytest.mark.parametrize(
    "settings", [TINY, replace(TINY, latent_size=1, blocks=2), replace(TINY, full_width=5)]
)
def test_images_become_posteriors_and_latents_become_logits(settings: ConvolutionalSettings) -> None:
    network = ConvolutionalAutoencoder(settings)
    mean, log_variance = network.encoder(torch.rand(2, 28, 28))
    assert mean.shape == log_variance.shape == (2, settings.latent_size)
    assert network.decoder(mean).shape == (2, 28, 28)


def test_a_batch_of_one_equals_a_row_of_many() -> None:
    encoder, decoder = ConvolutionalEncoder(TINY).eval(), ConvolutionalDecoder(TINY).eval()
    images = random_batch().images
    with torch.no_grad():
        mean = encoder(images).mean
        torch.testing.assert_close(encoder(images[2:3]).mean, mean[2:3], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(decoder(mean[2:3]), decoder(mean)[2:3], rtol=1e-4, atol=1e-5)


def test_log_variances_stay_in_a_range_that_no_exponential_overflows() -> None:
    encoder = ConvolutionalEncoder(TINY).eval()
    with torch.no_grad():
        encoder.head.weight.mul_(1e6)
        log_variance = encoder(random_batch().images).log_variance
    assert log_variance.abs().max() <= 10


def test_a_fresh_residual_block_changes_little() -> None:
    torch.manual_seed(0)
    maps = torch.randn(4, 16, 14, 14)
    changed = PreactivationBlock(16)(maps)
    assert 0 < (changed - maps).std() < 0.3 * maps.std()


def test_the_objective_is_the_sum_of_its_terms() -> None:
    terms = tiny_system().training_terms(random_batch(), progress=1.0)
    assert terms["total"] == terms["reconstruction_nats"] + terms["kl_nats"]


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.0), (0.1, 1.0), (0.2, 2.0), (0.9, 2.0)])
def test_the_kl_term_warms_up_to_beta(progress: float, weight: float) -> None:
    system = tiny_system(VariationalSettings(TINY, beta=2.0, kl_warm_up=0.2))
    terms = system.training_terms(random_batch(), progress)
    torch.testing.assert_close(terms["total"], terms["reconstruction_nats"] + weight * terms["kl_nats"])


def test_validation_tells_the_error_of_decoded_means() -> None:
    system = tiny_system().eval()
    batch = random_batch()
    with torch.no_grad():
        error = system.validation_terms(batch)["mean_squared_error"]
        decoded = system.network.decoder(system.network.encoder(batch.images).mean).sigmoid()
    torch.testing.assert_close(error, (decoded - batch.images).square().mean())


def test_a_few_steps_lower_the_objective() -> None:
    system, batch = tiny_system(), random_batch()
    dark = replace(batch, images=batch.images / 8)
    optimiser = torch.optim.Adam(system.parameters(), 1e-2)
    totals = []
    for _ in range(12):
        total = system.training_terms(dark, 1.0)["total"]
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0] - 20


def test_the_exported_graphs_encode_and_decode_as_the_network_does() -> None:
    system = tiny_system().eval()
    encoder, decoder = (export_graph(graph) for graph in system.graphs())
    images = torch.from_numpy(encoder.inputs[0])
    with torch.no_grad():
        posterior = system.network.encoder(images / 255)
        decoded = system.network.decoder(torch.from_numpy(decoder.inputs[0])).sigmoid()
    torch.testing.assert_close(torch.from_numpy(encoder.outputs[0]), posterior.mean)
    torch.testing.assert_close(torch.from_numpy(encoder.outputs[1]), posterior.log_variance)
    torch.testing.assert_close(torch.from_numpy(decoder.outputs[0]), decoded)
    assert [tensor.name for tensor in encoder.spec.outputs] == ["mean", "log_variance"]
    assert encoder.spec.inputs[0].dtype == "uint8"


def test_exporting_leaves_the_system_trainable_and_unchanged() -> None:
    system = tiny_system().train()
    before = copy.deepcopy(system.state_dict())
    system.graphs()
    assert system.network.training
    torch.testing.assert_close(system.state_dict(), before)


@pytest.mark.parametrize("wrong", [{"latent_size": 65}, {"latent_size": 0}, {"blocks": 0}, {"width": 0}])
def test_sizes_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ConvolutionalSettings).validate_python(wrong)


def test_all_recipes_release_one_model_and_the_released_one_builds_on_likelihood_at_beta_one() -> None:
    assert {recipe.released_as for recipe in (vae(), vae_likelihood(), vae_released())} == {"fashion-vae"}
    quick, first = (recipe.system.build() for recipe in (vae(), vae_likelihood()))
    assert isinstance(quick, VariationalSystem)
    assert isinstance(first, VariationalSystem)
    assert quick.beta == first.beta == 1
    assert num_parameters(quick.network) == num_parameters(first.network)
    second = vae_released().system.build()
    assert num_parameters(second.network) > num_parameters(first.network)
    assert (second.latent_size or 0) > (first.latent_size or 0)
