"""What a run on photographs shows: simulated ones, then real ones changed at random; always the same ones."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from fashion.decoding import decode
from fashion.labels import LABELS
from fashion.preparation import prepare
from tests.unit.training.tiny_data import stripes
from tests.unit.training.tiny_photographs import tiny_photographs
from training.optimisation import Optimisation
from training.photograph_augmentation import (
    Draws,
    PhotographAugmentation,
    PhotographPixels,
    augmented_view,
    mixed,
)
from training.photograph_batches import FOOTWEAR_ANSWER, PhotographCourse, TrainingPhotographs, Views
from training.simulated_photographs import silhouettes

SIDE = 32
COURSE = PhotographCourse(pictures_per_epoch=64)
UNCHANGED = PhotographAugmentation(
    smallest_zoom=1,
    largest_zoom=1,
    turn_radians=0,
    shift=0,
    stretch=0,
    perspective=0,
    colour=0,
    new_background=0,
    erase=0,
)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return tiny_photographs(tmp_path_factory.mktemp("tiny") / "photographs")


@pytest.fixture(scope="module")
def material(photographs):
    return TrainingPhotographs.of(photographs.train, stripes(60), SIDE)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batches(material, course=COURSE, *, epochs=2, seed=0, number=1):
    return list(material.epoch(course, Optimisation(epochs=epochs, batch_size=16), seed, number))


def test_views_are_what_the_service_shows_to_the_network(photographs):
    views = Views.of(photographs.validation, SIDE)

    for row in (0, 20, -1):
        picture = decode(photographs.validation[row].path.read_bytes(), target_side=128)
        served = prepare(picture, "photograph", view_side=SIDE).view
        assert served is not None
        assert np.array_equal(views.views[row].numpy(), served)


def test_footwear_has_an_answer_of_its_own_and_every_other_group_its_label(photographs):
    answers = Views.of(photographs.validation, SIDE).answers.tolist()

    for photograph, answer in zip(photographs.validation, answers, strict=True):
        expected = FOOTWEAR_ANSWER if photograph.label == "footwear" else LABELS.index(photograph.label)
        assert answer == expected


def test_a_photograph_that_is_not_changed_is_seen_as_the_service_shows_it(material):
    views = augmented_view(material.pixels, material.simulator.backgrounds, SIDE, UNCHANGED, generator())
    shown = material.plain.views.permute(0, 3, 1, 2) / 255

    # Half of them are mirrored, and edges fall between other pixels when resized by another way.
    difference = torch.minimum((views - shown).abs(), (views.flip(3) - shown).abs())
    assert float(difference.mean()) < 0.02


def test_the_course_starts_with_simulated_photographs_alone_and_ends_among_real_ones(material):
    course = dataclasses.replace(COURSE, pretraining=0.5, simulated=0.25, mixup=0, cutmix=0)

    first, last = batches(material, course, number=0), batches(material, course, number=1)

    assert len(first) == len(last) == 4
    assert all(int((batch.labels == FOOTWEAR_ANSWER).sum()) == 0 for batch in first)
    assert sum(int((batch.labels == FOOTWEAR_ANSWER).sum()) for batch in last) > 0
    assert course.simulated_at(0.49) == 1
    assert course.simulated_at(0.5) == 0.25


def test_a_batch_is_a_function_of_seed_epoch_and_step(material):
    first, again, other_seed, other_epoch = (
        batches(material),
        batches(material),
        batches(material, seed=1),
        batches(material, number=0),
    )

    for one, two in zip(first, again, strict=True):
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.targets, two.targets)
    assert not torch.equal(first[0].images, first[1].images)
    assert not torch.equal(first[0].images, other_seed[0].images)
    assert not torch.equal(first[0].images, other_epoch[0].images)


@pytest.mark.parametrize("number", [0, 1])
def test_batches_have_views_on_zero_to_one_and_targets_that_sum_to_one(material, number):
    for batch in batches(material, number=number):
        assert batch.images.shape == (16, 3, SIDE, SIDE)
        assert 0 <= float(batch.images.min()) < float(batch.images.max()) <= 1
        torch.testing.assert_close(batch.targets.sum(dim=1), torch.ones(16))


def test_rare_groups_and_senders_of_few_photographs_are_shown_more_often_than_their_number(photographs):
    first = photographs.train[0]
    many = [dataclasses.replace(first, sender_id=99) for _ in range(30)]
    material = TrainingPhotographs.of([*photographs.train, *many], stripes(20), SIDE)
    everybody = [*photographs.train, *many]
    groups = Counter(photograph.label for photograph in everybody)

    balanced = material.chances(dataclasses.replace(COURSE, group_balance=1, sender_damping=0), 0.5)
    damped = material.chances(dataclasses.replace(COURSE, group_balance=0, sender_damping=0.5), 0.5)

    for group in groups:
        of_group = torch.tensor([photograph.label == group for photograph in everybody])
        assert float(balanced[of_group].sum()) == pytest.approx(float(balanced.sum()) / len(groups))
    assert float(damped[-1] / damped[0]) == pytest.approx((7 / 30) ** 0.5)


def test_at_the_end_of_a_run_all_groups_are_shown_equally_often():
    course = dataclasses.replace(COURSE, group_balance=0.5, balanced_end=0.25)

    assert [course.group_balance_at(progress) for progress in (0.5, 0.74, 0.75, 0.9)] == [0.5, 0.5, 1, 1]


def test_augmentation_changes_every_photograph_differently(material):
    pixels = material.pixels.select(torch.zeros(8, dtype=torch.long))

    views = augmented_view(
        pixels, material.simulator.backgrounds, SIDE, PhotographAugmentation(), generator()
    )

    assert len({view.numpy().tobytes() for view in views}) == 8


def test_what_lies_outside_a_photograph_has_its_border_s_median_colour(material):
    red = torch.zeros(1, 3, 20, 10, dtype=torch.uint8)
    red[:, 0] = 200
    red[:, :, 5:15, 3:7] = 77
    outside = torch.full((1, 2, 2, 2), 3.0)

    seen = PhotographPixels(red, torch.tensor([0.5])).sample(outside)

    torch.testing.assert_close(seen, torch.tensor([200 / 255, 0, 0])[None, :, None, None].expand(1, 3, 2, 2))


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0)])
def test_mixing_weighs_targets_by_what_is_left_of_each_picture(mixup, cutmix):
    values = (torch.arange(16) % 2).float()
    views, targets = (
        values[:, None, None, None].expand(16, 3, SIDE, SIDE),
        torch.stack([1 - values, values], dim=1),
    )

    blended, shares = mixed(views, targets, mixup, cutmix, Draws(16, generator()))

    torch.testing.assert_close(blended.mean(dim=(1, 2, 3)), shares[:, 1])
    assert not torch.equal(shares, targets)


def test_a_silhouette_is_filled_and_what_lies_around_is_not():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 5:20, 5:20] = 200
    image[0, 9:15, 9:15] = 0  # a hole
    image[0, 12, 5:9] = 0  # a gap of one pixel into it

    mask = silhouettes(image)[0]

    assert int(mask[9:15, 9:15].min()) == 1
    assert int(mask.sum()) == 15 * 15 - 1  # all but the outermost pixel of the gap


def test_simulated_photographs_have_the_labels_of_their_network_inputs(material):
    views, labels = material.simulator.draw(40, generator())

    assert views.shape == (40, 3, SIDE, SIDE)
    assert set(labels.tolist()) <= set(range(10))
    assert len(set(labels.tolist())) > 5
    assert torch.equal(views, material.simulator.draw(40, generator())[0])
