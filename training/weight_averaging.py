"""The mean of trained networks' weights: one network instead of several, at the price of one.

Networks that were tuned from the same beginning lie near enough to each other that the mean of their weights
is about as good as the mean of their answers (Wortsman et al. 2022, arXiv:2203.05482).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from fashion.errors import InvalidValue
from training.systems import System


def mean_weights(trained: Mapping[str, System], network: nn.Module) -> dict[str, Tensor]:
    """The mean of their weights and running statistics, for `network` to load; counts are the first one's.

    Raises InvalidValue where there is none, or one of another kind or size than `network`.
    """
    if not trained:
        raise InvalidValue("Expected trained networks, came none: name some.", field="builds_on")
    shapes = _shapes(network)
    for part, system in trained.items():
        if _shapes(system.network) != shapes:
            raise InvalidValue(
                f"The trained {part} is no network of this one's size: give both recipes one size.",
                field="builds_on",
            )
    states = [system.network.state_dict() for system in trained.values()]
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}
