"""RandAugment: every picture gets operations of its own, as strong as was asked."""

import pytest
import torch
from torch import Tensor

from training.rand_augment import OPERATIONS, changed_by, rand_augment


def bars(count: int) -> Tensor:
    """A grey bar in the middle of each of UInt8 (count, 28, 28)."""
    images = torch.zeros((count, 28, 28), dtype=torch.uint8)
    images[:, 9:19, 12:16] = 120
    return images


def changed(images: Tensor, count: int = 1, magnitude: float = 0.3, seed: int = 0) -> Tensor:
    return rand_augment(images, count, magnitude, torch.Generator().manual_seed(seed))


def by(name: str, amount: float, images: Tensor) -> Tensor:
    """One operation on each picture."""
    amounts = {each: torch.full((1, len(images)), amount if each == name else 0.0) for each in OPERATIONS}
    return changed_by(images, amounts)


def test_no_magnitude_changes_nothing() -> None:
    images = torch.randint(256, (50, 28, 28), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    assert torch.equal(changed(images, count=3, magnitude=0.0), images)


def test_one_in_as_many_as_there_are_operations_stays_as_it_is() -> None:
    same = (changed(bars(4_000)) == bars(4_000)).all(dim=(1, 2)).float().mean()
    assert float(same) == pytest.approx(1 / len(OPERATIONS), abs=0.02)


def test_rotating_turns_a_bar_by_thirty_degrees_at_most() -> None:
    for sign in (1, -1):
        (turned,) = by("rotate", sign, bars(1)).float()
        down, right = torch.meshgrid(torch.arange(28) - 13.5, torch.arange(28) - 13.5, indexing="ij")
        weights = turned / turned.sum()
        spread = (weights * down * right).sum(), (weights * (down**2 - right**2)).sum()
        angle = 0.5 * torch.atan2(2 * spread[0], spread[1])
        assert float(angle.rad2deg()) == pytest.approx(30 * sign, abs=1)


@pytest.mark.parametrize(("name", "axis"), [("shear x", 1), ("shear y", 0)])
def test_shearing_slides_each_row_or_column_by_its_distance_from_the_middle(name: str, axis: int) -> None:
    square = torch.zeros((1, 28, 28), dtype=torch.uint8)
    square[:, 8:20, 8:20] = 120
    (sheared,) = by(name, -1, square).float()
    lines = sheared if axis == 1 else sheared.T  # of which each slides along itself
    places = torch.arange(28) - 13.5
    inside = range(9, 19)
    slid = [float((lines[line] * places).sum() / lines[line].sum()) for line in inside]
    assert slid == pytest.approx([0.3 * float(places[line]) for line in inside], abs=0.2)


@pytest.mark.parametrize(("name", "axis"), [("move x", 2), ("move y", 1)])
def test_moves_go_along_one_axis_by_their_share_of_half_a_side(name: str, axis: int) -> None:
    whole_pixels = 4 / (0.9 * 14)
    for sign in (1, -1):
        moved = by(name, sign * whole_pixels, bars(2))
        assert torch.equal(moved, bars(2).roll(-4 * sign, axis))


def test_brightness_multiplies() -> None:
    for sign, expected in ((1, 174), (-1, 66)):  # 120 times 1 + 0.45 and 1 - 0.45
        changed_bars = by("brightness", 0.5 * sign, bars(2))
        assert torch.equal(changed_bars, bars(2) // 120 * expected)


def test_contrast_scales_what_differs_from_the_mean() -> None:
    grey = torch.full((1, 28, 28), 100, dtype=torch.uint8)
    grey[:, ::2] = 140
    for sign, deviation in ((1, 29), (-1, 11)):  # 20 times 1 + 0.45 and 1 - 0.45
        values = by("contrast", 0.5 * sign, grey).unique().tolist()
        assert values == [120 - deviation, 120 + deviation]


def test_several_operations_go_further_than_one() -> None:
    once, often = (
        (changed(bars(500), count=count).float() - bars(500).float()).abs().mean() for count in (1, 4)
    )
    assert often > 1.5 * once


def test_the_same_generator_gives_the_same_pictures_and_another_does_not() -> None:
    assert torch.equal(changed(bars(20), seed=1), changed(bars(20), seed=1))
    assert not torch.equal(changed(bars(20), seed=1), changed(bars(20), seed=2))
