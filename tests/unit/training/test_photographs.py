"""The photographs: their labels file, the rule of what is right, and refusals."""

from collections import Counter

import pytest

from fashion.errors import DatasetError
from fashion.labels import LABELS
from tests.unit.training.clothing_clone import make_clone
from training.photographs import ACCEPTABLE_CLASSES, GROUPS, load_photographs


def test_each_label_accepts_its_own_class_and_footwear_accepts_three():
    for label in ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt"):
        assert {LABELS[index] for index in ACCEPTABLE_CLASSES[label]} == {label}
    assert {LABELS[index] for index in ACCEPTABLE_CLASSES["footwear"]} == {"Sandal", "Sneaker", "Ankle boot"}
    assert ACCEPTABLE_CLASSES["other"] == frozenset()


def test_the_seven_groups_are_six_labels_and_footwear():
    assert set(GROUPS) == {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Shirt", "footwear"}


def test_the_labels_file_lists_each_photograph_once_with_its_counts(tmp_path):
    photographs = load_photographs(make_clone(tmp_path / "clone"))

    assert len({photograph.path for photograph in photographs}) == len(photographs) == 1495
    assert Counter(photograph.label for photograph in photographs) == {
        "T-shirt/top": 362,
        "other": 210,
        "Pullover": 193,
        "Trouser": 180,
        "footwear": 154,
        "Coat": 147,
        "Dress": 129,
        "Shirt": 120,
    }


def test_the_source_s_labels_map_onto_ours_as_its_readme_says(tmp_path):
    photographs = load_photographs(make_clone(tmp_path / "clone"))
    ours = {photograph.source_label: photograph.label for photograph in photographs}

    assert ours == {
        "T-Shirt": "T-shirt/top",
        "Polo": "T-shirt/top",
        "Undershirt": "T-shirt/top",
        "Top": "T-shirt/top",
        "Pants": "Trouser",
        "Longsleeve": "Pullover",
        "Hoodie": "Pullover",
        "Dress": "Dress",
        "Outwear": "Coat",
        "Blazer": "Coat",
        "Shirt": "Shirt",
        "Blouse": "Shirt",
        "Shoes": "footwear",
        "Hat": "other",
        "Shorts": "other",
        "Skirt": "other",
    }


def test_only_what_has_a_fashion_mnist_label_is_in_distribution(tmp_path):
    photographs = load_photographs(make_clone(tmp_path / "clone"))

    assert {photograph.label for photograph in photographs if not photograph.in_distribution} == {"other"}
    assert all(photograph.acceptable_classes for photograph in photographs if photograph.in_distribution)


def test_the_setting_names_the_folder_and_an_argument_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_PHOTOS_DIR", str(make_clone(tmp_path / "setting")))

    assert load_photographs()[0].path.is_relative_to(tmp_path / "setting")
    assert load_photographs(make_clone(tmp_path / "argument"))[0].path.is_relative_to(tmp_path / "argument")


def test_without_a_folder_the_error_says_where_to_get_the_photographs(monkeypatch):
    monkeypatch.delenv("FASHION_PHOTOS_DIR", raising=False)

    with pytest.raises(DatasetError, match=r"alexeygrigorev/clothing-dataset and set FASHION_PHOTOS_DIR"):
        load_photographs()


def test_missing_files_are_counted_and_the_first_is_named(tmp_path):
    folder = make_clone(tmp_path / "clone")
    first, *_, last = load_photographs(folder)
    first.path.unlink()
    last.path.unlink()

    with pytest.raises(DatasetError) as caught:
        load_photographs(folder)

    assert f"came all but 2; the first that is missing is {first.path}" in str(caught.value)
    assert "github.com/alexeygrigorev/clothing-dataset" in str(caught.value)


def test_the_real_photographs_are_there_and_are_jpegs(photographs_folder):
    for photograph in load_photographs(photographs_folder):
        with photograph.path.open("rb") as content:
            assert content.read(3) == b"\xff\xd8\xff"
