"""Trained networks of one size that teach another: what they say together, and the mean of their weights."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from fashion.errors import InvalidValue
from training.networks.classifiers import folded
from training.systems import System


class Teachers:
    """Networks that have branched off from one, so that the mean of their weights is about as good as each of
    them: there a student starts (Wortsman et al. 2022, arXiv:2203.05482), and at a low rate it comes nearer
    to what they say together.

    No module, so that neither an optimiser nor a checkpoint sees them.
    """

    def __init__(self, trained: Mapping[str, System], student: nn.Module) -> None:
        """Raises InvalidValue where there is none, or one of another size than the student."""
        if not trained:
            raise InvalidValue("Expected trained teachers, came none: name some.", field="builds_on")
        shapes = _shapes(student)
        for part, system in trained.items():
            if _shapes(system.network) != shapes:
                raise InvalidValue(
                    f"The trained {part} is no network of this one's size: give both recipes one size.",
                    field="builds_on",
                )
        self.mean_weights = _mean([system.network.state_dict() for system in trained.values()])
        self._networks = tuple(_frozen(system.network) for system in trained.values())

    def answer(self, images: Tensor) -> Tensor:
        """The mean of their probabilities' logarithms, made to sum to 1: (batch, labels)."""
        with torch.no_grad():
            answers = [network.to(images.device)(images).logits.float() for network in self._networks]
            mean = torch.stack([logits.log_softmax(dim=1) for logits in answers]).mean(dim=0)
        return mean.softmax(dim=1)


def divergence(logits: Tensor, targets: Tensor) -> Tensor:
    """Of softmax(logits) from the targets, both (batch, labels), in nats a picture."""
    return functional.kl_div(logits.log_softmax(dim=1), targets, reduction="batchmean")


def _frozen(network: nn.Module) -> nn.Module:
    """A copy that only answers, and fast."""
    # torch's stub of `to` knows no memory formats.
    moved: nn.Module = folded(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved.requires_grad_(False)


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def _mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several networks' weights and running statistics; counts are the first one's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
