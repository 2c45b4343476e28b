"""The autoencoder of two modes as it is served: what the switch shows, and where pictures are encoded to."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from fashion.labels import NUM_LABELS
from tests.unit.training.test_autoencoders import TINY, random_batch
from training.autoencoding import ServedDecoder, served_graphs
from training.export import export_graph
from training.latent_layout import SMOOTH, SWITCH_LOG_VARIANCE, TEXTURED, LatentLayout
from training.networks.two_modes import TwoModeAutoencoder

LAYOUT = LatentLayout(content=TINY.latent_size, grain=2)


@pytest.fixture
def network() -> TwoModeAutoencoder:
    return tiny_network()


@pytest.fixture(scope="module")
def exported_decoder() -> bytes:
    """The decoder's graph; torch takes its time over one with branches."""
    network = tiny_network()
    _, graph = served_graphs(network.encoder, ServedDecoder(network.decoder), LAYOUT.size)
    return export_graph(graph).content


def tiny_network() -> TwoModeAutoencoder:
    torch.manual_seed(0)
    return TwoModeAutoencoder(TINY, LAYOUT).eval()


def latents_at(switch: float, count: int = 4) -> Tensor:
    drawn = torch.randn(count, LAYOUT.drawn, generator=torch.Generator().manual_seed(0))
    return torch.cat([drawn, torch.full((count, 1), switch)], dim=1)


def test_pictures_are_encoded_into_the_smooth_mode_with_nothing_told_of_label_and_grain(
    network: TwoModeAutoencoder,
) -> None:
    images = random_batch(3).images
    mean, log_variance = network.encoder(images)
    content = network.encoder.content(images)
    assert mean.shape == log_variance.shape == (3, LAYOUT.size)
    torch.testing.assert_close(mean[:, : LAYOUT.content], content.mean)
    torch.testing.assert_close(log_variance[:, : LAYOUT.content], content.log_variance)
    for value, last in ((mean, SMOOTH), (log_variance, SWITCH_LOG_VARIANCE)):
        assert (value[:, LAYOUT.content : -1] == 0).all()
        assert (value[:, -1] == last).all()


def test_the_switch_shows_one_decoder_wherever_its_modes_reach(network: TwoModeAutoencoder) -> None:
    drawn, decoder = latents_at(0)[:, :-1], network.decoder
    smooth = decoder.smooth(drawn[:, : LAYOUT.content])
    for switch in (SMOOTH, SMOOTH - 0.7):
        torch.testing.assert_close(decoder(latents_at(switch)), smooth)
    for switch in (TEXTURED, TEXTURED + 0.7):
        torch.testing.assert_close(decoder(latents_at(switch)), decoder.textured(drawn))


def test_every_latent_of_a_batch_is_decoded_in_its_own_mode(network: TwoModeAutoencoder) -> None:
    smooth, textured = (network.decoder(latents_at(switch)) for switch in (SMOOTH, TEXTURED))
    mixed = latents_at(SMOOTH)
    mixed[1::2, -1] = TEXTURED
    torch.testing.assert_close(network.decoder(mixed)[::2], smooth[::2])
    torch.testing.assert_close(network.decoder(mixed)[1::2], textured[1::2])


@pytest.mark.parametrize("switches", [[SMOOTH] * 3, [TEXTURED] * 3, [SMOOTH, TEXTURED, SMOOTH]])
def test_the_exported_graph_decodes_any_batch_as_torch_does(
    network: TwoModeAutoencoder, exported_decoder: bytes, switches: list[float]
) -> None:
    latents = torch.cat([latents_at(0, 3)[:, :-1], torch.tensor(switches)[:, None]], dim=1)
    (found,) = onnxruntime.InferenceSession(exported_decoder).run(None, {"latents": latents.numpy()})
    np.testing.assert_allclose(found, network.decoder(latents).sigmoid().detach().numpy(), atol=1e-5)


def test_the_textured_mode_begins_as_the_smooth_one(network: TwoModeAutoencoder) -> None:
    network.decoder.texture_like_smooth()
    torch.testing.assert_close(network.decoder(latents_at(TEXTURED)), network.decoder(latents_at(SMOOTH)))


def test_a_layout_counts_every_dimension() -> None:
    assert LatentLayout(content=32, grain=16).drawn == 32 + NUM_LABELS + 16
    assert LatentLayout(content=32, grain=16).size == 59
