"""The pretrained trunk: its shapes, its weights, and what of it learns."""

import pytest
import torch

from fashion.errors import DatasetError
from training.networks import efficientnet_lite
from training.networks.efficientnet_lite import NUM_BLOCKS, EfficientNetLite


@pytest.mark.parametrize(
    ("num_blocks", "num_features", "side"), [(1, 96, 32), (5, 240, 8), (11, 672, 4), (16, 1280, 2)]
)
def test_the_first_blocks_make_maps_of_the_width_that_the_next_one_wants(num_blocks, num_features, side):
    trunk = EfficientNetLite(num_blocks).eval()

    maps = trunk(torch.rand(2, 3, 64, 64)).detach()

    assert maps.shape == (2, num_features, side, side)
    assert trunk.num_features == num_features
    assert float(maps.min()) >= 0


def test_the_whole_trunk_has_the_parameters_that_the_paper_gives_it():
    parameters = sum(parameter.numel() for parameter in EfficientNetLite(NUM_BLOCKS).parameters())

    assert parameters + 1280 * 1000 + 1000 == pytest.approx(4.65e6, rel=0.01)


def test_pretrained_weights_fill_every_layer_and_keep_maps_in_the_range_they_learned_in():
    trunk = EfficientNetLite(NUM_BLOCKS).eval()
    before = {name: value.clone() for name, value in trunk.state_dict().items() if value.ndim > 1}

    trunk.load_pretrained()

    assert not any(torch.equal(before[name], trunk.state_dict()[name]) for name in before)
    with torch.no_grad():
        mean = float(trunk(torch.rand(2, 3, 64, 64)).mean())
    assert 0.05 < mean < 3  # norms with another picture scale or another layer's statistics leave this range


def test_weights_of_another_file_are_refused(monkeypatch):
    monkeypatch.setattr(efficientnet_lite, "WEIGHTS_SHA256", "0" * 64)

    with pytest.raises(DatasetError, match="sha256"):
        EfficientNetLite(1).load_pretrained()


def test_frozen_blocks_learn_nothing_and_the_others_do():
    trunk = EfficientNetLite(3, num_frozen=2)
    trunk.load_pretrained()
    before = {name: value.clone() for name, value in trunk.state_dict().items()}

    trunk.train()
    optimiser = torch.optim.SGD(trunk.parameters(), lr=0.1)
    trunk(torch.rand(4, 3, 32, 32)).square().mean().backward()
    optimiser.step()

    changed = {name for name, value in trunk.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert not any(name.startswith(("stem.", "blocks.0.", "blocks.1.")) for name in changed)
    assert {name.split(".")[0] for name in changed} == {"blocks", "widen"}
