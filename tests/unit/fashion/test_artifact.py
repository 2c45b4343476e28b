"""The artifact folder: written whole or not at all, and refused with a sentence where it is wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion.artifact import Artifact, open_artifact
from fashion.autoencoder import Autoencoder
from fashion.classifier import Classifier
from fashion.errors import (
    ArtifactError,
    DamagedArtifact,
    GraphMismatch,
    ProbeMismatch,
    UnknownFormatVersion,
    WrongKind,
)
from fashion.manifest import Manifest, Prior
from fashion.models import load_model
from tests.tiny_artifacts import tiny_autoencoder, tiny_classifier


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return tiny_classifier(tmp_path / "classifier")


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_written_opens_and_reproduces_its_probe(artifact: Artifact) -> None:
    opened = open_artifact(artifact.folder)
    opened.check_probe()
    assert opened.manifest == artifact.manifest
    assert opened.sha256 == artifact.sha256


def test_the_folder_name_decides_nothing_and_the_kind_decides_the_class(tmp_path: Path) -> None:
    tiny_classifier(tmp_path / "a")
    tiny_autoencoder(tmp_path / "b")
    assert isinstance(load_model(tmp_path / "a"), Classifier)
    assert isinstance(load_model(tmp_path / "b"), Autoencoder)


def test_an_artifact_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongKind, match="an autoencoder is needed"):
        Autoencoder(tiny_classifier(tmp_path / "a"))
    with pytest.raises(WrongKind, match="a classifier is needed"):
        Classifier(tiny_autoencoder(tmp_path / "b"))


def test_an_unknown_format_version_is_refused_with_what_to_do(artifact: Artifact) -> None:
    edit_manifest(artifact.folder, format_version=99)
    with pytest.raises(UnknownFormatVersion, match=r"version 99.*train and publish the model again"):
        open_artifact(artifact.folder)


def test_a_folder_without_a_manifest_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(DamagedArtifact, match=r"no readable manifest\.json"):
        open_artifact(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "null", '"text"'])
def test_a_manifest_that_is_no_manifest_is_refused(artifact: Artifact, text: str) -> None:
    (artifact.folder / "manifest.json").write_text(text)
    with pytest.raises(DamagedArtifact, match="not a manifest"):
        open_artifact(artifact.folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"surprise": 1}, "surprise"),
        ({"kind": "transformer"}, "kind"),
        ({"labels": ["Hat"] * 10}, "labels"),
        ({"graphs": {}}, "needs the graphs"),
        ({"latent_size": 3}, "latent_size"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "files"),
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused_by_the_field(
    artifact: Artifact, changes: dict[str, Any], named: str
) -> None:
    edit_manifest(artifact.folder, **changes)
    with pytest.raises(DamagedArtifact, match=named):
        open_artifact(artifact.folder)


def test_a_missing_file_is_named(artifact: Artifact) -> None:
    (artifact.folder / "explainer.onnx").unlink()
    with pytest.raises(DamagedArtifact, match=r"lacks explainer\.onnx"):
        open_artifact(artifact.folder)


def test_an_unlisted_file_is_named(artifact: Artifact) -> None:
    (artifact.folder / "extra.py").write_text("print()")
    with pytest.raises(DamagedArtifact, match=r"holds extra\.py"):
        open_artifact(artifact.folder)


def test_bentomls_own_file_may_lie_beside(artifact: Artifact) -> None:
    (artifact.folder / "model.yaml").write_text("name: x")
    open_artifact(artifact.folder)


def test_one_altered_byte_is_found(artifact: Artifact) -> None:
    path = artifact.folder / "classifier.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedArtifact, match=r"classifier\.onnx was altered"):
        open_artifact(artifact.folder)


def test_a_graph_with_other_shapes_than_promised_is_refused(artifact: Artifact) -> None:
    graphs = json.loads((artifact.folder / "manifest.json").read_text())["graphs"]
    graphs["classifier"]["outputs"][1]["shape"] = ["batch", 5]
    edit_manifest(artifact.folder, graphs=graphs)
    with pytest.raises(GraphMismatch, match="promises the outputs"):
        open_artifact(artifact.folder)


def test_a_graph_that_does_not_reproduce_its_probe_is_refused(tmp_path: Path) -> None:
    trained = tiny_classifier(tmp_path / "trained", seed=0)
    other = tiny_classifier(tmp_path / "other", seed=1)
    shutil.copy(other.folder / "classifier.onnx", trained.folder)
    sums = {**trained.manifest.files, "classifier.onnx": other.manifest.files["classifier.onnx"]}
    edit_manifest(trained.folder, files=sums)
    with pytest.raises(ProbeMismatch, match="does not reproduce its probe"):
        open_artifact(trained.folder).check_probe()


def test_what_cannot_pass_its_own_checks_is_not_written_at_all(tmp_path: Path) -> None:
    def promise_a_file_that_is_not_there(manifest: Manifest) -> Manifest:
        return manifest.model_copy(update={"prior": Prior(kind="gaussian_mixture", file="missing.npz")})

    with pytest.raises(DamagedArtifact, match=r"missing\.npz"):
        tiny_classifier(tmp_path / "out" / "bad", change=promise_a_file_that_is_not_there)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_artifact_is_never_written_over(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="immutable"):
        tiny_classifier(artifact.folder)


def test_pickled_arrays_are_refused(artifact: Artifact) -> None:
    path = artifact.folder / "novelty.npz"
    np.savez(path, allow_pickle=True, whitening=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DamagedArtifact, match="not a file of plain arrays"):
        artifact.arrays("novelty.npz")
