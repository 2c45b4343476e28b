"""Optimisers, learning-rate schedules and weight averaging, from a recipe's settings."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from lightning.pytorch.callbacks import WeightAveraging
from pydantic import Field
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from training.muon import KERNELS, Muon
from training.ranges import Count, CountOrZero, NotNegative, Positive, Share

# Where the schedule starts, as a share of its peak.
_FIRST_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Optimisation:
    """How the weights are moved."""

    epochs: CountOrZero = 8
    """Passes over the training pictures; 0 keeps what a recipe builds on as it is."""
    batch_size: Count = 256
    optimiser: Literal["adamw", "sgd", "rmsprop", "muon"] = "adamw"
    """Muon moves the kernels of convolutions, all whose inputs reach all their outputs, and AdamW what else
    there is (`muon.py`)."""
    learning_rate: Positive = 1e-2
    """The highest of the schedule."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the average of gradients, of AdamW, SGD and Muon; two networks that answer each other want
    less."""
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    warm_up: Share = 0.3
    """Share of all steps over which the learning rate rises; then it falls along a cosine to zero."""
    weight_decay: NotNegative = 1e-2
    """On weights of two dimensions and more; biases and norms are left alone."""
    gradient_clip: NotNegative = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""
    average_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Decay per step of the moving average of the weights that is evaluated and kept; 0: none. At 1 nothing
    decays: all steps' weights count alike, which suits a constant learning rate (arXiv:1803.05407)."""
    refit: bool = False
    """Whether validation's pictures are trained on as well, once nothing is left to be chosen by them; the
    last epoch is then kept, and what is said of validation is said of pictures that were trained on."""
    refit_in_halves: bool = False
    """In a refit: whether half of validation's pictures and half of calibration's are trained on, so that the
    other halves calibrate, in place of all of validation's (`splits.py`)."""
    keep_last: bool = False
    """Whether the last epoch is kept rather than the best on validation, which then has chosen nothing: what
    it says of the network is what new pictures would say."""
    patience: CountOrZero = 0
    """Epochs without a better validation figure before stopping early; 0: train to the end."""

    def __post_init__(self) -> None:
        """Raises ValueError where halves are asked for without a refit."""
        if self.refit_in_halves and not self.refit:
            raise ValueError("refit_in_halves says how a refit is done: set refit as well")


def build_optimiser(
    network: nn.Module, settings: Optimisation, shares: Mapping[str, float] | None = None
) -> Optimizer:
    """The optimiser, with weight decay on matrices and kernels only.

    `shares` of the learning rate are for parts of the network, by name; other parts move with all of it.
    """
    kernels: set[Tensor] = _kernels(network) if settings.optimiser == "muon" else set()
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            share = next(
                (part for start, part in (shares or {}).items() if name.startswith(f"{start}.")), 1.0
            )
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            key = (share * settings.learning_rate, decay, parameter in kernels)
            groups.setdefault(key, []).append(parameter)
    parameters = [
        {"params": own, "lr": rate, "weight_decay": decay, KERNELS: is_kernel}
        for (rate, decay, is_kernel), own in groups.items()
    ]
    if settings.optimiser == "sgd":
        return SGD(
            parameters, lr=settings.learning_rate, momentum=settings.momentum, nesterov=settings.momentum > 0
        )
    if settings.optimiser == "rmsprop":
        return RMSprop(parameters, lr=settings.learning_rate)
    betas = (settings.momentum, 0.999)
    if settings.optimiser == "muon":
        return Muon(parameters, lr=settings.learning_rate, betas=betas)
    return AdamW(parameters, lr=settings.learning_rate, betas=betas)


def _kernels(network: nn.Module) -> set[Tensor]:
    """Of convolutions that are one matrix: not of transposed ones, nor where channels are kept apart."""
    return {layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.groups == 1}


def learning_rate_share(settings: Optimisation, num_steps: int) -> Callable[[int], float]:
    """The learning rate at a step, as a share of the highest; a function of the step alone, so it resumes."""
    warm_up = max(1, round(settings.warm_up * num_steps))

    def share(step: int) -> float:
        if settings.schedule == "constant":
            return 1.0
        if step < warm_up:
            return _FIRST_SHARE + (1 - _FIRST_SHARE) * step / warm_up
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, num_steps - warm_up))))

    return share


class AveragedWeights(WeightAveraging):
    """A moving average of the weights, which is what gets validated and kept.

    The decay rises with the number of steps, as (1 + n) / (10 + n) up to `decay`, so that the average forgets
    the first random weights even in a short run. With a decay of 1 it is the plain mean of all steps.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=rising_average(decay))


def rising_average(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    """What moves an average towards the weights of a step, for torch's AveragedModel."""

    @torch.no_grad()
    def update(averages: list[Tensor], currents: list[Tensor], num_averaged: Tensor | int) -> None:
        count = float(num_averaged)
        weight = 1 / (1 + count) if decay == 1 else 1 - min(decay, (1 + count) / (10 + count))
        for average, current in zip(averages, currents, strict=True):
            if average.is_floating_point():
                average.lerp_(current, weight)
            else:
                average.copy_(current)

    return update
