"""The digits: listed by class, or refused with the layout that was expected."""

from pathlib import Path

import pytest

from fashion.errors import DatasetError
from training.digits import Digit, load_digits


def fill(folder: Path) -> Path:
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        (folder / str(digit) / "7.png").touch()
    return folder


def test_digits_are_listed_with_their_class(tmp_path):
    digits = load_digits(fill(tmp_path / "digits"))

    assert digits[3] == Digit(tmp_path / "digits" / "3" / "7.png", 3)
    assert [digit.digit for digit in digits] == list(range(10))


def test_the_setting_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_DIGITS_DIR", str(fill(tmp_path / "digits")))

    assert len(load_digits()) == 10


def test_without_a_folder_the_error_names_the_setting(monkeypatch):
    monkeypatch.delenv("FASHION_DIGITS_DIR", raising=False)

    with pytest.raises(DatasetError, match="FASHION_DIGITS_DIR"):
        load_digits()


def test_digits_that_are_missing_are_named(tmp_path):
    folder = fill(tmp_path / "digits")
    (folder / "3" / "7.png").unlink()
    (folder / "8" / "7.png").rename(folder / "8" / "7.txt")

    with pytest.raises(DatasetError, match=r"came none of 3, 8\. .*folders 0 to 9"):
        load_digits(folder)


def test_the_real_digits_are_fifty_of_each(digits_folder):
    digits = load_digits(digits_folder)

    assert [sum(digit.digit == number for digit in digits) for number in range(10)] == [50] * 10
