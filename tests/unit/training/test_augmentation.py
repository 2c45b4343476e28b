import pytest
import torch

from tests.unit.training.tiny_data import stripes
from training.augmentation import Augmentation, augment, plain
from training.batches import Epoch, Examples, derived_seed

EXAMPLES = Examples.of(stripes(64))
EVERYTHING = Augmentation(flip=0.5, shift=2, rand_augment=1, erase=0.5, mixup=0.4, cutmix=0.4)


def changed(settings, seed=0, images=EXAMPLES.images):
    labels = EXAMPLES.labels[: len(images)]
    return augment(images, labels, settings, torch.Generator().manual_seed(seed))


def test_the_default_changes_nothing_but_the_scale():
    batch = changed(Augmentation())

    torch.testing.assert_close(batch.images, EXAMPLES.images / 255)
    assert torch.equal(batch.labels, EXAMPLES.labels)
    assert torch.equal(batch.targets.argmax(dim=1), EXAMPLES.labels)


@pytest.mark.parametrize(
    "settings",
    [
        Augmentation(flip=0.5),
        Augmentation(shift=2),
        Augmentation(erase=0.9),
        Augmentation(rand_augment=2),
        Augmentation(mixup=1.0),
        Augmentation(cutmix=1.0),
        EVERYTHING,
    ],
)
def test_every_change_keeps_shape_range_and_targets_that_sum_to_one(settings):
    batch = changed(settings)

    assert batch.images.shape == (64, 28, 28)
    assert 0 <= float(batch.images.min()) <= float(batch.images.max()) <= 1
    torch.testing.assert_close(batch.targets.sum(dim=1), torch.ones(64))
    assert not torch.equal(batch.images, EXAMPLES.images / 255)


def test_the_same_generator_gives_the_same_batch_and_another_a_different_one():
    assert torch.equal(changed(EVERYTHING, 1).images, changed(EVERYTHING, 1).images)
    assert not torch.equal(changed(EVERYTHING, 1).images, changed(EVERYTHING, 2).images)


def test_flipping_mirrors_left_to_right_and_nothing_else():
    batch = changed(Augmentation(flip=1.0))

    torch.testing.assert_close(batch.images, EXAMPLES.images.flip(2) / 255)


def test_shifting_moves_each_picture_whole_and_lets_black_in():
    dot = torch.zeros((32, 28, 28), dtype=torch.uint8)
    dot[:, 14, 14] = 255

    moved = changed(Augmentation(shift=2), images=dot).images

    assert torch.equal(moved.sum(dim=(1, 2)), torch.ones(32))
    places = moved.flatten(1).argmax(dim=1)
    offsets = torch.stack([places // 28 - 14, places % 28 - 14])
    assert int(offsets.abs().max()) == 2
    assert len(torch.unique(places)) > 5


def test_erasing_overwrites_one_rectangle_no_larger_than_allowed():
    black = torch.zeros((64, 28, 28), dtype=torch.uint8)

    erased = changed(Augmentation(erase=1.0, erase_largest=0.2), images=black).images > 0

    for mask in erased:
        rows, columns = torch.nonzero(mask.any(1)), torch.nonzero(mask.any(0))
        height = int(rows.max() - rows.min() + 1)
        width = int(columns.max() - columns.min() + 1)
        assert height * width <= 0.2 * 28 * 28 * 1.2  # sides are rounded to whole pixels
        assert mask.sum() >= 0.9 * height * width


def test_cutmix_weighs_labels_by_the_area_that_each_picture_kept():
    white = torch.full((64, 28, 28), 255, dtype=torch.uint8)
    halves = torch.where(EXAMPLES.labels[:, None, None] < 5, white, 0)

    batch = augment(
        halves.to(torch.uint8), EXAMPLES.labels, Augmentation(cutmix=1.0), torch.Generator().manual_seed(0)
    )

    torch.testing.assert_close(batch.images.mean(dim=(1, 2)), batch.targets[:, :5].sum(dim=1))


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own():
    counted = Examples(
        torch.arange(96, dtype=torch.uint8)[:, None, None].expand(96, 28, 28), torch.arange(96) % 10
    )

    def order(number):
        return [
            float(image[0, 0])
            for batch in Epoch(counted, Augmentation(), 32, 0, number)
            for image in batch.images
        ]

    assert sorted(order(0)) == sorted((torch.arange(96) / 255).tolist())
    assert order(0) == order(0)
    assert order(0) != order(1)


def test_seeds_for_different_purposes_differ():
    seeds = {
        derived_seed(0),
        derived_seed(0, 0),
        derived_seed(0, 1),
        derived_seed(0, 0, 1),
        derived_seed(1, 0),
    }

    assert len(seeds) == 5


def test_plain_targets_are_one_hot():
    assert torch.equal(plain(EXAMPLES.images, EXAMPLES.labels).targets.sum(dim=1), torch.ones(64))
