"""Muon for the kernels of convolutions, AdamW for everything else.

A kernel turns the patch under it into its channels: it is a matrix (channels, inputs x height x width). Muon
(Jordan 2024, https://kellerjordan.github.io/posts/muon/) replaces that matrix's averaged gradient by the
nearest orthogonal one, so that no direction is left behind because its gradients are small. torch.optim.Muon
takes parameters of two dimensions alone, which kernels are not, and computes in bfloat16, which many
processors do slowly.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import AdamW

KERNELS: Final = "kernels"
"""The key that says of a group of parameters whether Muon moves them."""

# Of a polynomial that drives all singular values towards 1 (Jordan 2024).
_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)
_ROUNDS: Final = 5
_ADAMW_STEP: Final = 0.2
"""The root mean square of AdamW's steps, as a share of its learning rate. Kernels are given the same, so that
one learning rate and one weight decay serve both (Liu et al. 2025, arXiv:2502.16982)."""


class Muon(AdamW):
    """Muon for the groups whose `kernels` is true, AdamW for the others.

    `betas[0]` is the momentum of both. The closure is computed once a step.
    """

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, betas: tuple[float, float]) -> None:
        super().__init__(params, lr=lr, betas=betas)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move everything once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        gradients = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                if group[KERNELS] and parameter.grad is not None:
                    gradients[parameter] = parameter.grad
                    self._move(parameter, parameter.grad, group)
                    parameter.grad = None  # so that AdamW passes over it
        super().step()
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        return loss

    def _move(self, kernel: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[kernel]
        if not state:
            # AdamW's __setstate__ wants a step of every parameter that has a state.
            state.update(step=torch.zeros(()), momentum_buffer=torch.zeros_like(gradient))
        momentum = group["betas"][0]
        average = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        ahead = gradient.lerp(average, momentum)  # Nesterov's
        direction = orthogonal(ahead.flatten(1))
        rate = group["lr"] * _ADAMW_STEP * max(direction.shape) ** 0.5
        kernel.mul_(1 - group["lr"] * group["weight_decay"])
        kernel.add_(direction.view(kernel.shape), alpha=-rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the orthogonal matrix that is nearest to `matrix` (rows, columns), by five rounds of a
    Newton-Schulz iteration.

    Singular values come out between 0.6 and 1.3, but for those below a hundredth of all of them together,
    which come out smaller.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    found: Tensor = matrix.T if tall else matrix
    found = found / (found.norm() + 1e-7)
    linear, cubic, quintic = _COEFFICIENTS
    for _ in range(_ROUNDS):
        gram = found @ found.T
        found = linear * found + (cubic * gram + quintic * gram @ gram) @ found
    return found.T if tall else found
