"""`python -m service.releases`: a fresh store gets the released models, and an operator's aliases stay."""

import subprocess
import sys
from pathlib import Path

import bentoml
import pytest

from fashion.aliases import ALIAS_FILE, promote, read_aliases
from fashion.errors import ArtifactError
from service.releases import install
from tests.stores import AUTOENCODER, CLASSIFIER, publish_tiny, store_at


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of released models, version r1."""
    home, folder = tmp_path_factory.mktemp("releasing"), tmp_path_factory.mktemp("releases")
    with store_at(home):
        publish_tiny(home, "r1", seed=1)
        for name in (CLASSIFIER, AUTOENCODER):
            bentoml.models.export_model(f"{name}:r1", str(folder))
    return folder


def stable(home: Path, name: str = CLASSIFIER) -> str | None:
    return read_aliases(home / ALIAS_FILE).version(name, "stable")


def test_an_empty_store_gets_the_models_and_their_stable(home: Path, releases: Path):
    assert len(install(releases, promoting=False)) == 4
    assert stable(home, CLASSIFIER) == stable(home, AUTOENCODER) == "r1"
    assert [str(model.tag) for model in bentoml.models.list(CLASSIFIER)] == [f"{CLASSIFIER}:r1"]


def test_a_second_time_changes_nothing(home: Path, releases: Path):
    install(releases, promoting=False)
    assert install(releases, promoting=False) == []


def test_an_alias_that_points_somewhere_moves_only_on_request(home: Path, releases: Path):
    publish_tiny(home, "mine", seed=2)
    told = install(releases, promoting=False)
    assert stable(home) == "mine"
    assert any("stays at mine" in sentence for sentence in told)
    install(releases, promoting=True)
    assert stable(home) == "r1"


def test_a_rollback_is_not_undone(home: Path, releases: Path):
    install(releases, promoting=False)
    publish_tiny(home, "old", seed=3, alias=False)
    promote(home / ALIAS_FILE, CLASSIFIER, "old")
    install(releases, promoting=False)
    assert stable(home) == "old"


def test_a_file_that_is_no_model_is_named(home: Path, tmp_path: Path):
    (tmp_path / "cut.bentomodel").write_bytes(b"not an archive")
    with pytest.raises(ArtifactError, match=r"cut\.bentomodel"):
        install(tmp_path, promoting=False)


def test_the_command_says_what_it_did(home: Path, releases: Path, tmp_path: Path):
    command = [sys.executable, "-m", "service.releases", "--from", str(releases)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "imported fashion-classifier:r1" in done.stdout
    (tmp_path / "cut.bentomodel").write_bytes(b"not an archive")
    failed = subprocess.run([*command[:-1], str(tmp_path)], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "cut.bentomodel" in failed.stderr
    assert "Traceback" not in failed.stderr
