"""The optimiser: who moves how far, and whose weights decay."""

import pytest
import torch
from torch import nn

from training.optimisation import Optimisation, build_optimiser


def two_parts() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"quick": nn.Linear(2, 2), "slow": nn.Linear(2, 2)})


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "rmsprop"])
def test_a_part_moves_with_its_share_of_the_learning_rate(optimiser: str) -> None:
    network = two_parts()
    settings = Optimisation(optimiser=optimiser, learning_rate=1e-2, weight_decay=0.0)  # type: ignore[arg-type]
    moved = build_optimiser(network, settings, {"slow": 0.1})
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    moved.step()
    steps = {
        name: float((value.detach() - before[name]).abs().max()) for name, value in network.named_parameters()
    }
    assert steps["slow.weight"] == pytest.approx(0.1 * steps["quick.weight"], rel=1e-3)
    assert steps["slow.bias"] == pytest.approx(0.1 * steps["quick.bias"], rel=1e-3)


def test_biases_do_not_decay_and_what_is_frozen_does_not_move() -> None:
    network = two_parts()
    network["slow"].requires_grad_(False)
    groups = build_optimiser(network, Optimisation(weight_decay=0.5)).param_groups
    decays = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    quick = network["quick"]
    assert isinstance(quick, nn.Linear)
    assert decays == {id(quick.weight): 0.5, id(quick.bias): 0.0}


def test_momentum_is_the_decay_of_the_gradients_average() -> None:
    (group, *_) = build_optimiser(two_parts(), Optimisation(momentum=0.5)).param_groups
    assert group["betas"][0] == 0.5
