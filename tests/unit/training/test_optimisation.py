"""Averages of weights, as torch's AveragedModel makes them step by step."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from training.optimisation import rising_average


def averaged(decay: float, weights: list[float]) -> float:
    """The average after steps that ended with these weights."""
    layer = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(layer, multi_avg_fn=rising_average(decay))
    for weight in weights:
        torch.nn.init.constant_(layer.weight, weight)
        average.update_parameters(layer)
    (averaged_weight,) = average.module.parameters()
    return float(averaged_weight.detach())


def test_without_decay_all_steps_count_alike():
    assert averaged(1.0, [4.0, 8.0, 3.0, 1.0]) == pytest.approx(4.0)


def test_with_decay_the_last_step_counts_most():
    assert averaged(0.5, [0.0] * 20 + [1.0]) == pytest.approx(0.5)


def test_early_on_an_average_forgets_the_first_weights_faster_than_its_decay():
    assert averaged(0.999, [1.0] + [0.0] * 10) < 0.05
