"""Muon: kernels take orthogonal steps of a known size, and everything else moves as AdamW moves it."""

import io

import pytest
import torch
from torch import nn

from training.muon import KERNELS, Muon, orthogonal
from training.optimisation import Optimisation, build_optimiser

RATE = 1e-2


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 4, 3))


def kernel_of(layers: nn.Sequential) -> nn.Parameter:
    (kernel,) = (each for each in layers.parameters() if each.ndim == 4)
    return kernel


def optimiser_of(layers: nn.Module, weight_decay: float = 0.0) -> Muon:
    groups = [
        {"params": own, "weight_decay": weight_decay, KERNELS: is_kernel}
        for is_kernel in (True, False)
        if (own := [each for each in layers.parameters() if (each.ndim == 4) == is_kernel])
    ]
    return Muon(groups, lr=RATE, betas=(0.9, 0.999))


def take_steps(layers: nn.Module, optimiser: torch.optim.Optimizer, seeds: range) -> None:
    for seed in seeds:
        images = torch.randn(8, 2, 4, 4, generator=torch.Generator().manual_seed(seed))
        optimiser.zero_grad()
        layers(images).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (16, 16)])
def test_the_directions_stay_and_their_lengths_become_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    rank = min(shape)
    left, _ = torch.linalg.qr(torch.randn(shape[0], rank))
    right, _ = torch.linalg.qr(torch.randn(shape[1], rank))
    found = orthogonal(left @ torch.diag(torch.linspace(0.2, 5, rank)) @ right.T)

    lengths = left.T @ found @ right
    assert ((lengths.diagonal() > 0.6) & (lengths.diagonal() < 1.3)).all()
    torch.testing.assert_close(lengths, torch.diag(lengths.diagonal()), rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 2, 3, 3), (40, 2, 3, 3)])
def test_kernels_move_as_torchs_muon_moves_the_same_matrix(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(shape).to(memory_format=torch.channels_last))
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    ours = Muon(
        [{"params": [kernel], "lr": 3 * RATE, "weight_decay": 0.1, KERNELS: True}],
        lr=RATE,
        betas=(0.8, 0.999),
    )
    theirs = torch.optim.Muon(
        [matrix], lr=3 * RATE, weight_decay=0.1, momentum=0.8, adjust_lr_fn="match_rms_adamw"
    )
    for seed in range(4):
        gradient = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        kernel.grad, matrix.grad = gradient.clone(), gradient.flatten(1)
        before, given = matrix.detach().clone(), kernel.grad
        ours.step()
        theirs.step()
        assert kernel.grad is given
        # It computes in bfloat16, of eight bits.
        length = float((matrix.detach() - before).norm())
        assert float((kernel.detach().flatten(1) - matrix.detach()).norm()) < 0.05 * (seed + 1) * length


def test_a_kernels_step_has_the_size_of_adamws() -> None:
    layers = network()
    kernel = kernel_of(layers)
    before = kernel.detach().clone()
    take_steps(layers, optimiser_of(layers), range(1))

    step = (kernel.detach() - before).flatten(1)
    assert float(step.square().mean().sqrt()) == pytest.approx(0.2 * RATE, rel=0.2)
    lengths = torch.linalg.svdvals(step)
    assert float(lengths.max() / lengths.min()) < 2


def test_transposed_and_depthwise_kernels_are_no_matrices() -> None:
    layers = nn.ModuleDict(
        {
            "plain": nn.Conv2d(2, 4, 3),
            "depthwise": nn.Conv2d(4, 4, 3, groups=4),
            "transposed": nn.ConvTranspose2d(4, 2, 3),
            "dense": nn.Linear(4, 2),
        }
    )
    groups = build_optimiser(layers, Optimisation(optimiser="muon")).param_groups
    found = [parameter for group in groups if group[KERNELS] for parameter in group["params"]]
    assert found == [layers["plain"].weight]


def test_all_but_kernels_move_as_by_adamw() -> None:
    ours, theirs = network(), network()
    for layers in (ours, theirs):
        kernel_of(layers).requires_grad_(False)
    plain = torch.optim.AdamW(theirs.parameters(), lr=RATE, betas=(0.9, 0.999), weight_decay=0.1)
    take_steps(ours, optimiser_of(ours, weight_decay=0.1), range(5))
    take_steps(theirs, plain, range(5))
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=0)


def test_kernels_decay() -> None:
    decaying, lasting = network(), network()
    take_steps(decaying, optimiser_of(decaying, weight_decay=0.5), range(1))
    take_steps(lasting, optimiser_of(lasting), range(1))
    lost = kernel_of(lasting) - kernel_of(decaying)
    torch.testing.assert_close(lost, 0.5 * RATE * kernel_of(network()))


def test_a_network_learns_by_it_and_the_closure_is_computed_once_a_step() -> None:
    layers = network()
    optimiser = optimiser_of(layers)
    images = torch.randn(64, 2, 4, 4, generator=torch.Generator().manual_seed(9))
    wanted = images.flatten(1)[:, :3]
    losses = []

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = (layers(images) - wanted).square().mean()
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(60):
        assert optimiser.step(closure) is not None

    assert len(losses) == 60
    assert losses[-1] < 0.2 * losses[0]


def test_it_goes_on_from_its_state_as_if_it_had_not_stopped() -> None:
    whole = network()
    take_steps(whole, optimiser_of(whole), range(6))

    part = network()
    first = optimiser_of(part)
    take_steps(part, first, range(3))
    file = io.BytesIO()
    torch.save([part.state_dict(), first.state_dict()], file)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    resumed = network()
    resumed.load_state_dict(weights)
    second = optimiser_of(resumed)
    second.load_state_dict(state)
    take_steps(resumed, second, range(3, 6))

    for own, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=0)
