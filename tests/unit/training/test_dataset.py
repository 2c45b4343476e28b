"""Fashion-MNIST as a whole: found, loaded, and train apart from test."""

import ast
from pathlib import Path

import numpy as np
import pytest

import training
from fashion.errors import DatasetError
from training.dataset import (
    FILES,
    TRAINING_LABELS,
    Dataset,
    check_disjoint,
    find_dataset,
    load_test,
    load_training,
    shared_pictures,
)

MAY_LOAD_TEST = {"dataset.py", "evaluating.py", "reporting.py", "cli_studies.py", "shown.py"}
"""The loader's home, what makes the report and the page of mistakes, and what draws figures."""


def random_dataset(count: int, seed: int = 0) -> Dataset:
    random = np.random.default_rng(seed)
    return Dataset(random.integers(0, 256, (count, 28, 28), np.uint8), random.integers(0, 10, count))


@pytest.fixture(scope="module")
def training_pictures(fashion_mnist_folder) -> Dataset:
    return load_training(fashion_mnist_folder)


@pytest.fixture(scope="module")
def test_pictures(fashion_mnist_folder) -> Dataset:
    return load_test(fashion_mnist_folder)


def test_the_real_files_hold_what_their_paper_says(training_pictures, test_pictures):
    assert training_pictures.images.shape == (60_000, 28, 28)
    assert test_pictures.images.shape == (10_000, 28, 28)
    assert np.bincount(training_pictures.labels).tolist() == [6_000] * 10
    assert np.bincount(test_pictures.labels).tolist() == [1_000] * 10
    assert training_pictures.images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert training_pictures.images.std() / 255 == pytest.approx(0.3530, abs=5e-5)


def test_no_real_test_picture_is_among_the_training_pictures(training_pictures, test_pictures):
    check_disjoint(training_pictures, test_pictures)


def test_the_real_training_pictures_are_all_different(training_pictures):
    different = {image.tobytes() for image in training_pictures.images}

    assert len(different) == 60_000


def test_a_planted_duplicate_is_found_whatever_its_label():
    first, second = random_dataset(50), random_dataset(30, seed=1)
    second.images[7] = first.images[41]
    second.labels[7] = (first.labels[41] + 1) % 10

    assert shared_pictures(first, second) == [(41, 7)]
    with pytest.raises(DatasetError, match="came 1 equal pairs, the first of index 41 in the one and 7"):
        check_disjoint(first, second)


def test_a_picture_that_differs_by_one_level_of_one_pixel_is_no_duplicate():
    first, second = random_dataset(50), random_dataset(30, seed=1)
    second.images[7] = first.images[41]
    second.images[7, 27, 27] ^= 1

    check_disjoint(first, second)


def test_every_pair_of_a_picture_that_is_there_several_times_is_told():
    first, second = random_dataset(5), random_dataset(5, seed=1)
    first.images[3] = first.images[1]
    second.images[[0, 4]] = first.images[1]

    assert shared_pictures(first, second) == [(1, 0), (3, 0), (1, 4), (3, 4)]


def test_a_folder_given_by_hand_wins_over_the_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path / "setting"))

    assert find_dataset(tmp_path / "by hand") == tmp_path / "by hand"
    assert find_dataset() == tmp_path / "setting"


def test_without_a_setting_the_files_of_the_cache_are_used(fashion_mnist_folder, tmp_path, monkeypatch):
    cache = tmp_path / "fashion-service" / "fashion-mnist"
    cache.mkdir(parents=True)
    for file in FILES:
        (cache / file.name).symlink_to(fashion_mnist_folder / file.name)
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert find_dataset() == cache


def test_a_named_folder_without_the_files_is_refused_and_not_filled(tmp_path):
    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte\.gz cannot be read"):
        load_training(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_mnist_under_the_same_names_is_refused_by_name(fashion_mnist_folder, tmp_path):
    for file in FILES:
        (tmp_path / file.name).symlink_to(fashion_mnist_folder / file.name)
    (tmp_path / TRAINING_LABELS.name).unlink()
    (tmp_path / TRAINING_LABELS.name).write_bytes(b"another dataset")

    with pytest.raises(DatasetError, match=r"train-labels-idx1-ubyte\.gz is not the published file"):
        load_training(tmp_path)


IMAGES, LABELS = np.zeros((4, 28, 28), np.uint8), np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (IMAGES.astype(np.float32), LABELS, "images as uint8"),
        (IMAGES.reshape(4, 784), LABELS, "images as uint8"),
        (IMAGES, LABELS[:3], "one int64 label for each of 4 images"),
        (IMAGES, LABELS.astype(np.uint8), "one int64 label for each of 4 images"),
        (IMAGES, LABELS + 10, "labels from 0 to 9, came 10 to 10"),
        (IMAGES, LABELS - 1, "labels from 0 to 9, came -1 to -1"),
    ],
)
def test_pictures_and_labels_that_do_not_fit_are_refused(images, labels, complaint):
    with pytest.raises(DatasetError, match=complaint):
        Dataset(images, labels)


def modules_that_name(function: str, folder: Path) -> set[str]:
    """File names of the modules under `folder` that use a function by name or as an attribute."""
    users = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
            if named == function:
                users.add(path.name)
    return users


def test_only_the_report_touches_the_test_pictures():
    package = Path(training.__file__).parent

    assert modules_that_name("load_test", package) <= MAY_LOAD_TEST
    assert modules_that_name("TEST_IMAGES", package) <= {"dataset.py"}


@pytest.mark.parametrize(
    "line",
    [
        "from training.dataset import load_test",
        "from training.dataset import load_test as load",
        "import training.dataset as data\ndata.load_test()",
    ],
)
def test_a_module_that_sneaks_a_look_at_the_test_pictures_would_be_found(tmp_path, line):
    (tmp_path / "fitting.py").write_text(line)

    assert modules_that_name("load_test", tmp_path) == {"fitting.py"}
