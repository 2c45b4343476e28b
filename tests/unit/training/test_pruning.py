"""Pruning: what is kept of a trained network, and that it still computes what those channels compute."""

import pytest
import torch

from fashion.errors import InvalidValue
from training.augmentation import plain
from training.networks.classifiers import ResidualClassifier, ResidualSettings
from training.pruning import prune

RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(256, (64, 28, 28), generator=RANDOM).to(torch.uint8)
BATCH = plain(IMAGES, torch.randint(10, (64,), generator=RANDOM))


def network(width: int, first: int = 0, doublings: int = 2) -> ResidualClassifier:
    torch.manual_seed(1)
    made = ResidualClassifier(ResidualSettings(width=width, first=first, doublings=doublings))
    for _ in range(3):  # norms that have seen something
        made(BATCH.images)
    return made.eval()


@torch.no_grad()
def test_channels_that_say_nothing_go_first_and_no_answer_changes() -> None:
    trained, smaller = network(4, doublings=1), network(2, first=4, doublings=1)
    weights = trained.state_dict()
    # The first stage makes these channels, and its block adds to them: nothing but 0 in both.
    for norm in ("body.1.1", "body.3.change.1.1"):
        for name in ("weight", "bias"):
            weights[f"{norm}.{name}"][[1, 4, 6, 7]] = 0
    # Within the block nothing looks at these.
    weights["body.3.change.1.0.weight"][:, [0, 2, 3, 5]] = 0

    prune(trained, smaller, [BATCH])

    torch.testing.assert_close(smaller(BATCH.images).logits, trained(BATCH.images).logits)
    torch.testing.assert_close(smaller.head.weight, trained.head.weight[:, [0, 2, 3, 5]])


@torch.no_grad()
def test_a_block_is_cut_inside_without_its_surroundings() -> None:
    trained = network(2, doublings=1)
    narrow = ResidualClassifier(ResidualSettings(width=2, doublings=1, inner=(1,))).eval()
    # Within the block nothing looks at these.
    trained.state_dict()["body.3.change.1.0.weight"][:, [0, 1, 3]] = 0

    prune(trained, narrow, [BATCH])

    torch.testing.assert_close(narrow(BATCH.images).logits, trained(BATCH.images).logits)


@torch.no_grad()
def test_a_network_of_the_same_size_is_taken_over_whole() -> None:
    trained, same = network(2), network(2)
    for value in trained.parameters():
        value.mul_(1.5)

    prune(trained, same, [BATCH])

    for name, value in trained.state_dict().items():
        torch.testing.assert_close(same.state_dict()[name], value)


def test_what_matters_is_told_by_the_loss_and_not_by_the_size_of_weights() -> None:
    trained = network(2, doublings=1)
    trained.head.weight.data[:, 0] = 7.0  # a channel that speaks for every label alike

    smaller = network(1, first=2, doublings=1)
    prune(trained, smaller, [BATCH])

    assert not (smaller.head.weight == 7.0).any()


@pytest.mark.parametrize(
    ("other", "complaint"), [(network(2, doublings=1), "as many stages"), (network(3), "fewer channels")]
)
def test_what_cannot_be_cut_out_of_the_other_is_refused(other: ResidualClassifier, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        prune(network(2), other, [BATCH])


def test_the_trained_network_is_left_as_it_was() -> None:
    trained = network(4)
    before = {name: value.clone() for name, value in trained.state_dict().items()}

    prune(trained, network(2), [BATCH])

    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
    assert all(parameter.grad is None for parameter in trained.parameters())
    assert not BATCH.images.requires_grad
    assert not any(block._forward_hooks for block in trained.modules())
