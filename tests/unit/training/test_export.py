import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from fashion.artifact import open_artifact
from fashion.errors import ArtifactError, DamagedArtifact, GraphMismatch
from tests.unit.training.tiny_data import stripes
from training.dataset import CHECKSUMS
from training.export import export_graph, export_run, source_commit
from training.finishing import export
from training.rewriting import rewrite_artifact
from training.runs import RunFolder
from training.systems import ExportGraph


class Scaled(nn.Module):
    """Images to their doubles, or to noise."""

    def __init__(self, *, noisy=False):
        super().__init__()
        self.noisy = noisy

    def forward(self, images):
        values = images.float() * 2
        return values + torch.rand_like(values) if self.noisy else values


def graph(**changes):
    made = ExportGraph(
        "scaled", Scaled(), (torch.arange(8, dtype=torch.uint8).reshape(2, 4),), ("images",), ("doubles",)
    )
    return replace(made, **changes)


def test_the_exported_graphs_compute_what_the_network_computes(trained_run):
    artifact = open_artifact(trained_run.artifact)
    images = stripes(70, seed=3).images

    logits, features, maps, early = artifact.graphs["classifier"](images)
    with torch.no_grad():
        expected = trained_run.load_system().network(torch.tensor(images).float() / 255)

    np.testing.assert_allclose(logits, expected.logits, atol=1e-4)
    np.testing.assert_allclose(features, expected.features, atol=1e-4)
    np.testing.assert_allclose(maps, expected.feature_maps, atol=1e-4)
    first = expected.early_maps.flatten(2).numpy()
    np.testing.assert_allclose(early, np.hstack([first.mean(axis=2), first.std(axis=2)]), atol=1e-3)


def test_the_explainer_says_where_the_logits_come_from(trained_run):
    artifact = open_artifact(trained_run.artifact)
    logits, _, maps, _ = artifact.graphs["classifier"](stripes(4).images)
    (activation,) = artifact.graphs["explainer"](maps)

    differences = logits - activation.mean(axis=(2, 3))

    np.testing.assert_allclose(differences, np.tile(differences[0], (4, 1)), atol=1e-4)  # the head's bias


def test_weights_lie_inside_the_graphs_and_norms_are_folded(trained_run):
    model = onnx.load(trained_run.artifact / "classifier.onnx", load_external_data=False)

    assert not [tensor for tensor in model.graph.initializer if tensor.external_data]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_graphs_tell_nothing_of_the_machine_they_were_made_on(trained_run):
    content = (trained_run.artifact / "classifier.onnx").read_bytes()

    assert b".py" not in content
    assert b"site-packages" not in content


def test_the_manifest_says_how_the_model_came_about(trained_run):
    manifest = open_artifact(trained_run.artifact).manifest

    assert (manifest.kind, manifest.name, manifest.recipe.name) == (
        "classifier",
        "fashion-classifier",
        "classifier",
    )
    assert manifest.recipe.settings["system"]["network"]["width"] == 4
    assert manifest.data == CHECKSUMS
    assert (
        manifest.metrics["validation_error"]
        == json.loads(trained_run.summary_file.read_text())["validation"]["error"]
    )
    assert re.fullmatch("[0-9a-f]{40}(-dirty)?", manifest.source_commit or source_commit() or "0" * 40)


def test_figures_of_pictures_that_a_refit_was_trained_on_are_not_told(trained_run, tmp_path):
    run = RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "run")))
    settings = json.loads(run.settings_file.read_text())
    settings["settings"]["optimisation"]["refit"] = True
    run.settings_file.write_text(json.dumps(settings))

    assert not [name for name in export(run).manifest.metrics if name.startswith("validation")]


def test_a_graph_that_computes_something_else_than_torch_is_refused():
    with pytest.raises(GraphMismatch, match="graph scaled differs from torch by"):
        export_graph(graph(module=Scaled(noisy=True)))


def test_a_graph_takes_batches_of_any_size():
    exported = export_graph(graph())

    assert exported.spec.inputs[0].shape == ("batch", 4)
    assert exported.spec.inputs[0].dtype == "uint8"
    assert exported.spec.outputs[0].dtype == "float32"


def test_an_artifact_is_not_written_over_another(trained_run):
    with pytest.raises(ArtifactError, match="exists already"):
        export_run(trained_run, trained_run.artifact)


def test_completing_an_artifact_keeps_what_it_held(own_run):
    before = open_artifact(own_run.artifact)

    after = rewrite_artifact(before, {"metrics": {"test_accuracy": 0.5}}, {"notes.txt": b"seen"})

    assert after.folder == before.folder
    assert after.manifest.metrics == {"test_accuracy": 0.5}
    assert after.manifest.files == {**before.manifest.files, "notes.txt": after.manifest.files["notes.txt"]}
    assert after.manifest.graphs == before.manifest.graphs
    after.check_probe()
    assert [path.name for path in own_run.artifact.parent.iterdir() if path.name.startswith(".")] == []


def test_an_artifact_that_cannot_be_completed_stays_as_it_was(own_run):
    before = open_artifact(own_run.artifact)
    fit = before.manifest.calibration["network_input"]
    assert fit is not None
    broken = {"network_input": fit.model_copy(update={"novelty_file": "absent.npz"})}

    with pytest.raises(DamagedArtifact):
        rewrite_artifact(before, {"calibration": broken})

    assert open_artifact(own_run.artifact).sha256 == before.sha256


def test_a_damaged_run_artifact_is_noticed(own_run):
    (own_run.artifact / "classifier.onnx").write_bytes(b"")

    with pytest.raises(DamagedArtifact):
        open_artifact(own_run.artifact)
