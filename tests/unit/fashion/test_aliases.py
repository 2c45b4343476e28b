"""Aliases move forward, back, and never half-way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fashion.aliases import ALIAS_FILE, promote, read_aliases, read_copy, rollback, withdraw_candidate
from fashion.errors import AliasError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / ALIAS_FILE


def test_no_file_means_no_aliases(path: Path) -> None:
    assert read_aliases(path).version("fashion-vae", "stable") is None


def test_promotions_can_be_rolled_back_one_by_one(path: Path) -> None:
    for version in ("v1", "v2", "v3"):
        promote(path, "m", version)
    assert read_aliases(path).version("m", "stable") == "v3"
    assert rollback(path, "m").version("m", "stable") == "v2"
    assert rollback(path, "m").version("m", "stable") == "v1"
    with pytest.raises(AliasError, match="nothing to roll back"):
        rollback(path, "m")
    assert read_aliases(path).version("m", "stable") == "v1"


def test_promoting_what_is_stable_already_changes_nothing(path: Path) -> None:
    promote(path, "m", "v1")
    assert promote(path, "m", "v1").models["m"].history == ()


def test_a_candidate_leaves_stable_alone_and_ends_as_stable(path: Path) -> None:
    promote(path, "m", "v1")
    assert promote(path, "m", "v2", "candidate").version("m", "stable") == "v1"
    after = promote(path, "m", "v2")
    assert (after.version("m", "stable"), after.version("m", "candidate")) == ("v2", None)


def test_a_candidate_can_be_withdrawn(path: Path) -> None:
    promote(path, "m", "v2", "candidate")
    assert withdraw_candidate(path, "m").version("m", "candidate") is None


def test_models_do_not_touch_each_other(path: Path) -> None:
    promote(path, "a", "v1")
    promote(path, "b", "v9")
    assert read_aliases(path).version("a", "stable") == "v1"


def test_the_history_is_bounded(path: Path) -> None:
    for number in range(50):
        promote(path, "m", f"v{number}")
    assert len(read_aliases(path).models["m"].history) == 20


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": {"m": {"stable": 3}}}', '{"other": 1}'])
def test_a_damaged_file_is_refused_and_kept(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(AliasError, match="damaged"):
        promote(path, "m", "v1")
    assert path.read_text() == text


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: promote(path, f"m{number}", "v1"), range(40)))
    assert len(read_aliases(path).models) == 40


def test_every_change_leaves_a_copy_that_outlives_a_damaged_file(path: Path) -> None:
    assert read_copy(path) is None
    changed = promote(path, "model", "v1")
    path.write_text("{")
    assert read_copy(path) == changed
    path.with_suffix(".copy").write_text("{")
    assert read_copy(path) is None
