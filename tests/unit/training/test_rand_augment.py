"""RandAugment: every picture gets operations of its own, as strong as was asked."""

import pytest
import torch
from torch import Tensor

from training.rand_augment import OPERATIONS, rand_augment


def bars(count: int) -> Tensor:
    """A grey bar in the middle of each of UInt8 (count, 28, 28)."""
    images = torch.zeros((count, 28, 28), dtype=torch.uint8)
    images[:, 9:19, 12:16] = 120
    return images


def changed(images: Tensor, count: int = 1, magnitude: float = 0.3, seed: int = 0) -> Tensor:
    return rand_augment(images, count, magnitude, torch.Generator().manual_seed(seed))


def centres(images: Tensor) -> Tensor:
    """Float (count, 2): down and to the right of the middle, in pixels, weighed by brightness."""
    weights = images.float() / images.float().sum(dim=(1, 2), keepdim=True)
    places = torch.arange(28) - 13.5
    return torch.stack([(weights.sum(2) * places).sum(1), (weights.sum(1) * places).sum(1)], dim=1)


def test_no_magnitude_changes_nothing() -> None:
    images = torch.randint(256, (50, 28, 28), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    assert torch.equal(changed(images, count=3, magnitude=0.0), images)


def test_one_in_as_many_as_there_are_operations_stays_as_it_is() -> None:
    same = (changed(bars(4_000)) == bars(4_000)).all(dim=(1, 2)).float().mean()
    assert float(same) == pytest.approx(1 / len(OPERATIONS), abs=0.02)


def test_moves_go_either_way_along_one_axis_by_their_share_of_half_a_side() -> None:
    found = centres(changed(bars(2_000), magnitude=0.2))
    far = found[found.norm(dim=1) > 1]  # sums of contrast and rotation keep the middle
    assert 0.2 < len(far) / 2_000 < 0.3
    reach = 0.9 * 0.2 * 14
    for axis in (0, 1):
        along = far[far[:, 1 - axis].abs() < 0.1][:, axis]
        assert set(along.sign().tolist()) == {-1.0, 1.0}
        torch.testing.assert_close(along.abs(), torch.full_like(along, reach), rtol=0, atol=0.1)


def test_rotations_turn_the_bar_and_keep_its_middle() -> None:
    images = changed(bars(2_000), magnitude=1.0)
    tilted = (images[:, 9:12, 8:11].float().sum(dim=(1, 2)) > 0) & (centres(images).norm(dim=1) < 0.5)
    straight = images[:, :, :8].float().sum(dim=(1, 2)) == 0
    assert 0.03 < float((tilted & straight).float().mean()) < 0.2


def test_tones_change_and_the_shape_does_not() -> None:
    images = changed(bars(2_000), magnitude=0.5)
    still = (images[:, 9:19, 12:16].flatten(1).float().std(dim=1) < 1) & (images[:, 0, 0] == 0)
    tones = set(images[still][:, 14, 14].tolist())
    assert {66, 174} <= tones  # 120 times 1 - 0.45 and 1 + 0.45


def test_several_operations_go_further_than_one() -> None:
    once, often = (
        (changed(bars(500), count=count).float() - bars(500).float()).abs().mean() for count in (1, 4)
    )
    assert often > 1.5 * once


def test_the_same_generator_gives_the_same_pictures_and_another_does_not() -> None:
    assert torch.equal(changed(bars(20), seed=1), changed(bars(20), seed=1))
    assert not torch.equal(changed(bars(20), seed=1), changed(bars(20), seed=2))
