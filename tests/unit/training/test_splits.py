"""Train, calibration and validation: apart, stratified, and the same everywhere."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion.errors import InvalidValue
from training.dataset import Dataset, load_training, shared_pictures
from training.splits import Split, SplitSizes, refit_in_halves, split

PARTS = ("train", "calibration", "validation")


def numbered(labels: list[int]) -> Dataset:
    """A dataset whose pictures carry their own index, so that a part tells where it comes from."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return Dataset(images, np.array(labels, np.int64))


def indices(part: Dataset) -> list[int]:
    return (part.images[:, 0, 0].astype(int) * 256 + part.images[:, 0, 1]).tolist()


BALANCED = numbered([index % 10 for index in range(1000)])
SIZES = SplitSizes(train=700, calibration=200, validation=100)


@given(
    labels=st.lists(st.integers(0, 9), max_size=300),
    shares=st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100)),
)
def test_parts_have_their_sizes_share_no_picture_and_keep_labels_and_order(labels, shares):
    whole = max(sum(shares), 1)
    train, calibration, validation = (len(labels) * share // whole for share in shares)
    dataset = numbered(labels)

    parts = split(dataset, SplitSizes(train, calibration, validation))

    assert [len(getattr(parts, name)) for name in PARTS] == [train, calibration, validation]
    taken = [index for name in PARTS for index in indices(getattr(parts, name))]
    assert len(set(taken)) == len(taken)
    for name in PARTS:
        part = getattr(parts, name)
        assert indices(part) == sorted(indices(part))
        assert part.labels.tolist() == [labels[index] for index in indices(part)]


@given(
    counts=st.lists(st.integers(0, 60), min_size=10, max_size=10),
    size=st.integers(0, 300),
)
def test_each_label_keeps_its_proportion_to_within_five_pictures(counts, size):
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    size = min(size, len(labels))

    part = split(numbered(labels), SplitSizes(train=0, calibration=0, validation=size)).validation

    expected = np.array(counts) * size / max(len(labels), 1)
    assert np.abs(np.bincount(part.labels, minlength=10) - expected).max() <= 5


def test_balanced_labels_stay_exactly_balanced():
    parts = split(BALANCED, SIZES)

    assert np.bincount(parts.train.labels).tolist() == [70] * 10
    assert np.bincount(parts.calibration.labels).tolist() == [20] * 10
    assert np.bincount(parts.validation.labels).tolist() == [10] * 10


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    first, again, other = split(BALANCED, SIZES), split(BALANCED, SIZES), split(BALANCED, SIZES, seed=1)

    assert indices(first.validation) == indices(again.validation)
    assert indices(first.train) == indices(again.train)
    assert indices(first.validation) != indices(other.validation)


def test_resizing_a_later_part_leaves_the_earlier_ones_as_they_were():
    small = split(BALANCED, SplitSizes(train=50, calibration=300, validation=100))

    assert indices(small.validation) == indices(split(BALANCED, SIZES).validation)
    assert set(indices(split(BALANCED, SIZES).calibration)) < set(indices(small.calibration))


def test_halves_for_a_refit_leave_as_many_pictures_to_calibrate_and_share_none():
    parts = split(BALANCED, SplitSizes(train=700, calibration=150, validation=150))
    halves = refit_in_halves(parts)
    trained, unseen = set(indices(halves.train)), set(indices(halves.calibration))
    assert len(trained) == len(halves.train) == 700 + 75 + 75
    assert len(unseen) == len(halves.calibration) == 75 + 75
    assert not trained & unseen
    assert trained | unseen == {index for name in PARTS for index in indices(getattr(parts, name))}
    for part in (parts.validation, parts.calibration):
        assert len(unseen & set(indices(part))) == 75
    assert set(np.bincount(halves.calibration.labels)) <= {14, 15, 16}
    assert indices(halves.validation) == indices(parts.validation)


def test_the_parts_of_a_small_dataset_are_the_ones_written_down_here():
    """Fails when a change of this code, of Python or of numpy would move pictures between the parts."""
    parts = split(numbered([index % 10 for index in range(30)]), SplitSizes(10, 10, 10))

    assert indices(parts.validation) == PINNED_VALIDATION
    assert indices(parts.calibration) == PINNED_CALIBRATION


PINNED_VALIDATION = [0, 1, 2, 8, 9, 15, 17, 23, 24, 26]
PINNED_CALIBRATION = [4, 10, 12, 13, 16, 18, 19, 21, 25, 27]


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        (SplitSizes(train=-1, calibration=0, validation=0), "train"),
        (SplitSizes(train=0, calibration=-1, validation=0), "calibration"),
        (SplitSizes(train=0, calibration=0, validation=-1), "validation"),
        (SplitSizes(train=801, calibration=100, validation=100), "train"),
    ],
)
def test_impossible_sizes_are_refused_with_the_field_at_fault(sizes, field):
    with pytest.raises(InvalidValue) as caught:
        split(BALANCED, sizes)

    assert caught.value.field == field


@pytest.fixture(scope="module")
def real_parts(fashion_mnist_folder) -> Split:
    return split(load_training(fashion_mnist_folder))


def test_the_real_parts_are_balanced_and_share_no_picture(real_parts):
    assert np.bincount(real_parts.train.labels).tolist() == [5_000] * 10
    assert np.bincount(real_parts.calibration.labels).tolist() == [500] * 10
    assert np.bincount(real_parts.validation.labels).tolist() == [500] * 10
    assert shared_pictures(real_parts.train, real_parts.calibration) == []
    assert shared_pictures(real_parts.train, real_parts.validation) == []
    assert shared_pictures(real_parts.calibration, real_parts.validation) == []


def test_the_real_parts_are_the_ones_that_releases_were_made_with(real_parts):
    assert sha256(real_parts.validation.images.tobytes()).hexdigest() == PINNED_REAL["validation"]
    assert sha256(real_parts.calibration.images.tobytes()).hexdigest() == PINNED_REAL["calibration"]


PINNED_REAL = {
    "validation": "73e07566b28797163a691ee6c8e67e8e9359feb2d8957c4d5935379707e63bb5",
    "calibration": "7921f7a2649b3249df551ce435a649705e4c05c811d6fc257ad5a269cc349064",
}
