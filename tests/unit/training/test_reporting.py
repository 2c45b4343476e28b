"""The `report` command on released files of tiny models: what it writes, and what stands beside what."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from fashion.errors import InvalidValue
from tests.stores import AUTOENCODER, CLASSIFIER, publish_tiny, store_at
from tests.tiny_artifacts import tiny_autoencoder, tiny_classifier
from training.dataset import load_test, load_training
from training.judging import released_judge
from training.reporting import ReportRequest, report_releases
from training.store import release
from training.targets import opened_classifier


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, fashion_mnist_folder: Path) -> tuple[Path, str]:
    """Reports on a tiny classifier and a tiny VAE, beside another tiny VAE; the folder and what was shown."""
    root, shown = tmp_path_factory.mktemp("reporting"), StringIO()
    with store_at(root / "home"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.reporting.load_test", lambda data: load_test(data).select(np.arange(200)))
        patch.setattr(
            "training.reporting.load_training", lambda data: load_training(data).select(np.arange(400))
        )
        patch.delenv("FASHION_PHOTOS_DIR", raising=False)
        publish_tiny(root / "home", "20260101-00000001", seed=1)
        for name in (CLASSIFIER, AUTOENCODER):
            release(name, root / "releases")
        tiny_autoencoder(root / "other", name="dense-vae", seed=5)
        tiny_classifier(root / "judge", name="fashion-judge", seed=6)
        request = ReportRequest(
            root / "releases",
            root / "report",
            fashion_mnist_folder,
            str(root / "other"),
            str(root / "judge"),
            5,
        )
        report_releases(request, Console(file=shown, width=160))
    return root / "report", shown.getvalue()


def test_every_released_model_gets_a_report_of_its_own(reported: tuple[Path, str]):
    folder, _ = reported
    names = {CLASSIFIER, AUTOENCODER}
    assert {path.name for path in folder.iterdir()} == {f"{name}-20260101-00000001" for name in names}


def test_the_vae_is_held_to_its_goals_with_all_witnesses(reported: tuple[Path, str]):
    folder, shown = reported
    made = json.loads((folder / f"{AUTOENCODER}-20260101-00000001" / "report.json").read_text())
    goals = next(table for table in made["tables"] if table["title"] == "Held to")
    assert {row[1] for row in goals["rows"]}.isdisjoint({"not measured"})
    assert "Held to" in shown


def test_the_older_system_stands_beside_it_with_the_same_figures(reported: tuple[Path, str]):
    folder, _ = reported
    made = json.loads((folder / f"{AUTOENCODER}-20260101-00000001" / "report.json").read_text())
    beside = next(table for table in made["tables"] if table["title"] == "Beside dense-vae")
    rows = {name: (ours, theirs) for name, ours, theirs in beside["rows"]}
    assert rows.keys() == made["figures"].keys()
    ours, theirs = rows["negative_elbo_nats"]
    assert ours == made["figures"]["negative_elbo_nats"] != theirs


def test_the_repository_holds_one_judge_of_its_own_recipe():
    with opened_classifier(str(released_judge())) as judge:
        assert judge is not None
        assert judge.artifact.manifest.recipe.name == "judge"
        judge.artifact.check_probe()


def test_without_a_judge_there_is_a_sentence(tmp_path: Path):
    with pytest.raises(InvalidValue, match="--judge"):
        released_judge(tmp_path)
