"""The photographs by sender: no sender in two parts, every group in each, the same everywhere."""

import random
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.clothing_clone import make_clone
from training.photographs import ACCEPTABLE_CLASSES, GROUPS, Photograph, load_photographs
from training.senders import SHARES, PhotographSplit, split_by_sender

PARTS = tuple(SHARES)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> tuple[Photograph, ...]:
    return load_photographs(make_clone(tmp_path_factory.mktemp("photographs") / "clone"))


@pytest.fixture(scope="module")
def parts(photographs) -> PhotographSplit:
    return split_by_sender(photographs)


def senders(part: tuple[Photograph, ...]) -> set[int]:
    return {photograph.sender_id for photograph in part}


some_photographs = st.lists(
    st.builds(
        Photograph,
        path=st.integers().map(lambda number: Path(f"{number}.jpg")),
        label=st.sampled_from(list(ACCEPTABLE_CLASSES)),
        source_label=st.just("as the source says"),
        sender_id=st.integers(0, 20),
    ),
    max_size=100,
    unique_by=lambda photograph: photograph.path,
)


@given(some_photographs)
def test_every_photograph_lands_in_one_place_and_no_sender_in_two_parts(photographs):
    parts = split_by_sender(photographs)

    landed = [photograph for name in (*PARTS, "other") for photograph in getattr(parts, name)]
    assert sorted(landed, key=str) == sorted(photographs, key=str)
    assert senders(parts.train).isdisjoint(senders(parts.calibration))
    assert senders(parts.train).isdisjoint(senders(parts.validation))
    assert senders(parts.calibration).isdisjoint(senders(parts.validation))


@given(some_photographs, st.randoms(use_true_random=False))
def test_neither_order_nor_folder_decides_the_part_of_a_sender(photographs, chance: random.Random):
    moved = [
        Photograph(Path("elsewhere") / photograph.path, photograph.label, "", photograph.sender_id)
        for photograph in photographs
    ]
    chance.shuffle(moved)

    before, after = split_by_sender(photographs), split_by_sender(moved)

    for name in PARTS:
        assert senders(getattr(before, name)) == senders(getattr(after, name))


def test_what_is_out_of_distribution_is_in_no_part(parts):
    assert {photograph.label for photograph in parts.other} == {"other"}
    assert len(parts.other) == 210
    for name in PARTS:
        assert all(photograph.in_distribution for photograph in getattr(parts, name))


@pytest.mark.parametrize("name", PARTS)
def test_each_part_has_each_group_in_about_its_share(photographs, parts, name):
    whole = Counter(photograph.label for photograph in photographs)
    part = Counter(photograph.label for photograph in getattr(parts, name))

    for group in GROUPS:
        assert part[group] / whole[group] == pytest.approx(SHARES[name], abs=0.05)


@pytest.mark.parametrize("name", ["calibration", "validation"])
def test_what_is_held_out_comes_from_many_senders_none_of_whom_dominates(parts, name):
    by_sender = Counter(photograph.sender_id for photograph in getattr(parts, name))

    assert len(by_sender) >= 30
    assert max(by_sender.values()) / by_sender.total() < 0.2


def test_the_four_biggest_senders_are_trained_on(parts):
    assert {310, 262, 267, 45} <= senders(parts.train)


def test_the_parts_are_the_ones_that_releases_were_made_with(parts):
    assert {name: len(getattr(parts, name)) for name in PARTS} == PINNED_COUNTS
    held_out = ",".join(str(sender) for sender in sorted(senders(parts.validation)))
    assert sha256(held_out.encode()).hexdigest() == PINNED_VALIDATION_SENDERS


PINNED_COUNTS = {"train": 711, "calibration": 254, "validation": 320}
PINNED_VALIDATION_SENDERS = "1e28c9221898f45b885f8890856e8fcb376d23a55eecc6345c3aeb44afc662d1"
