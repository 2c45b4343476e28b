import shutil
import tarfile

import bentoml
import pytest

from fashion.aliases import read_aliases
from fashion.artifact import open_artifact
from fashion.errors import AliasError, DamagedArtifact, InvalidValue, UnknownModel
from tests.tiny_artifacts import tiny_classifier
from training.released_files import opened_release
from training.store import (
    alias_file,
    exact_tag,
    open_stored,
    promote,
    publish,
    published,
    release,
    rollback,
)
from training.targets import opened

NAME = "fashion-stored"


@pytest.fixture
def versions(tmp_path):
    """Two versions of a model in the store, and their artifacts."""
    artifacts = [tiny_classifier(tmp_path / f"artifact-{seed}", name=NAME, seed=seed) for seed in (0, 1)]
    tags = [publish(artifact) for artifact in artifacts]
    yield list(zip(tags, artifacts, strict=True))
    for tag in published(NAME):
        bentoml.models.delete(tag)
    alias_file().unlink(missing_ok=True)


def test_a_published_artifact_comes_back_byte_for_byte_with_labels_and_metadata(versions):
    (tag, artifact), _ = versions
    stored = bentoml.models.get(tag)

    assert open_stored(tag).sha256 == artifact.sha256
    assert stored.info.labels == {"kind": "classifier", "recipe": artifact.manifest.recipe.name}
    assert stored.info.metadata["sha256"] == artifact.sha256
    open_stored(tag).check_probe()


def test_publishing_the_same_bytes_again_gives_the_same_version(versions):
    (tag, artifact), (other, _) = versions

    assert publish(artifact) == tag
    assert tag != other
    assert len(published(NAME)) == 2


def test_an_artifact_whose_files_were_altered_is_not_published(tmp_path):
    artifact = tiny_classifier(tmp_path / "artifact", name="fashion-altered")
    (artifact.folder / "classifier.onnx").write_bytes(b"something else")

    with pytest.raises(DamagedArtifact):
        publish(artifact)

    assert published("fashion-altered") == []


def test_stable_moves_forward_and_back(versions):
    (first, _), (second, _) = versions

    assert promote(first) == first
    assert promote(second) == second
    assert exact_tag(NAME) == exact_tag(f"{NAME}:stable") == second
    assert rollback(NAME) == first
    assert exact_tag(NAME) == first
    with pytest.raises(AliasError, match="nothing to roll back to"):
        rollback(NAME)


def test_a_candidate_stands_beside_stable(versions):
    (first, _), (second, _) = versions
    promote(first)
    promote(second, "candidate")

    assert exact_tag(NAME) == first
    assert exact_tag(f"{NAME}:candidate") == second


def test_a_version_that_is_not_there_is_neither_opened_nor_promoted(versions):
    before = read_aliases(alias_file())

    with pytest.raises(
        UnknownModel, match=f"holds no {NAME}:20000101-00000000: promote or name one of {NAME}:"
    ):
        promote(f"{NAME}:20000101-00000000")
    with pytest.raises(UnknownModel, match="no version of fashion-unheard was published"):
        open_stored("fashion-unheard")

    assert read_aliases(alias_file()) == before


def test_a_release_takes_the_place_of_the_one_before_and_of_no_other(versions, tmp_path):
    (first, artifact), (second, _) = versions
    folder = tmp_path / "releases"
    foreign = folder / f"{NAME}-large-20260101-00000000.bentomodel"

    old = release(first, folder)
    foreign.touch()
    new = release(second, folder)

    assert old.name == f"{first.replace(':', '-')}.bentomodel"
    assert {path.name for path in folder.iterdir()} == {new.name, foreign.name}
    with opened_release(release(first, tmp_path / "again")) as opened_again:
        assert opened_again.sha256 == artifact.sha256


def test_a_released_file_can_be_imported_into_an_empty_store(versions, tmp_path):
    (tag, artifact), _ = versions
    path = release(tag, tmp_path)
    bentoml.models.delete(tag)

    bentoml.models.import_model(str(path))

    assert open_stored(tag).sha256 == artifact.sha256


def test_a_file_that_is_no_release_is_refused(tmp_path):
    path = tmp_path / "broken.bentomodel"
    path.write_bytes(b"not an archive")

    with pytest.raises(DamagedArtifact, match="no released model"), opened_release(path):
        pass


def test_a_target_is_a_run_an_artifact_a_release_or_a_tag(versions, own_run, tmp_path):
    (tag, artifact), _ = versions
    promote(tag)
    run_sha256 = open_artifact(own_run.artifact).sha256
    expected = {
        str(own_run.path): run_sha256,
        str(own_run.artifact): run_sha256,
        str(release(tag, tmp_path / "releases")): artifact.sha256,
        tag: artifact.sha256,
        NAME: artifact.sha256,
    }

    for target, sha256 in expected.items():
        with opened(target) as found:
            assert found.sha256 == sha256


def test_a_run_that_has_not_ended_is_no_target_yet(own_run):
    shutil.rmtree(own_run.artifact)

    with pytest.raises(InvalidValue, match="has no artifact yet"), opened(str(own_run.path)):
        pass


@pytest.mark.parametrize(
    ("target", "error", "sentence"),
    [
        ("runs/none", InvalidValue, "There is no folder runs/none"),
        ("/nowhere", InvalidValue, "There is no folder /nowhere"),
        ("nothing", UnknownModel, "nothing has no stable version"),
        ("Nothing", UnknownModel, "Nothing has no stable version"),
        ("No thing:1", UnknownModel, "The store holds no No thing:1"),
    ],
)
def test_a_target_that_is_not_there_is_told_in_a_sentence(target, error, sentence):
    with pytest.raises(error, match=sentence), opened(target):
        pytest.fail("it was opened")


@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/escaped.txt"])
def test_a_release_that_writes_outside_its_folder_is_refused(tmp_path, name):
    path = tmp_path / "evil.bentomodel"
    with tarfile.open(path, "w:xz") as archive:
        archive.addfile(tarfile.TarInfo(name))

    with pytest.raises(DamagedArtifact, match=r"escaped.txt' lies outside it"), opened_release(path):
        pytest.fail("it was opened")
