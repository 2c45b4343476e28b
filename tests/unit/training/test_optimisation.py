"""The optimiser: who moves how far, whose weights decay, and how averages of weights are made."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from training.optimisation import Optimisation, build_optimiser, rising_average


def two_parts() -> nn.ModuleDict:
    torch.manual_seed(0)
    return nn.ModuleDict({"quick": nn.Linear(2, 2), "slow": nn.Linear(2, 2)})


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "rmsprop", "muon"])
def test_a_part_moves_with_its_share_of_the_learning_rate(optimiser: str) -> None:
    network = two_parts()
    settings = Optimisation(optimiser=optimiser, learning_rate=1e-2, weight_decay=0.0)  # type: ignore[arg-type]  # a Literal
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


def averaged(decay: float, weights: list[float]) -> float:
    """The average after steps that ended with these weights."""
    layer = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(layer, multi_avg_fn=rising_average(decay))
    for weight in weights:
        torch.nn.init.constant_(layer.weight, weight)
        average.update_parameters(layer)
    (averaged_weight,) = average.module.parameters()
    return float(averaged_weight.detach())


def test_without_decay_all_steps_count_alike() -> None:
    assert averaged(1.0, [4.0, 8.0, 3.0, 1.0]) == pytest.approx(4.0)


def test_with_decay_the_last_step_counts_most() -> None:
    assert averaged(0.5, [0.0] * 20 + [1.0]) == pytest.approx(0.5)


def test_early_on_an_average_forgets_the_first_weights_faster_than_its_decay() -> None:
    assert averaged(0.999, [1.0] + [0.0] * 10) < 0.05
