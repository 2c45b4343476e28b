"""The built Bento: no training code in it, the pinned models, and everything that it needs to run alone."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

from fashion.aliases import ALIAS_FILE, promote
from tests.e2e.server import ROOT, environment, serving
from tests.http.pictures import parts, picture
from tests.stores import CLASSIFIER, publish, publish_tiny, store_at
from tests.tiny_artifacts import tiny_autoencoder

COMPANION = "fashion-vae-2d"


@pytest.fixture(scope="module")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home whose `stable` named v1 when the Bento was built, and names v2 since."""
    home = tmp_path_factory.mktemp("built-home")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        tiny_autoencoder(home / "drafts" / COMPANION, name=COMPANION)
        publish(f"{COMPANION}:c1", home / "drafts" / COMPANION)
        promote(home / ALIAS_FILE, COMPANION, "c1")
        command = [sys.executable, "-m", "bentoml", "build", "--version", "test", str(ROOT)]
        built = subprocess.run(command, env=environment(home), capture_output=True, text=True)
        assert built.returncode == 0, built.stdout + built.stderr
        publish_tiny(home, "v2", seed=2)
    return home


@pytest.fixture(scope="module")
def bento(built_home: Path) -> Path:
    return built_home / "bentos" / "fashion" / "test"


def test_it_holds_the_service_and_no_training(bento: Path):
    source = bento / "src"
    assert {path.name for path in source.iterdir() if path.is_dir()} == {"fashion", "service"}
    requirements = (bento / "env" / "python" / "requirements.txt").read_text()
    for heavy in ("torch", "lightning", "matplotlib", "scikit-learn", "onnxscript"):
        assert f"\n{heavy}" not in f"\n{requirements}"


def test_it_carries_the_whole_http_contract(bento: Path):
    assert "fashion-classifier:v1" in (bento / "bento.yaml").read_text()
    assert "multipart/form-data" in (bento / "apis" / "openapi.yaml").read_text()
    routes = json.loads((bento / "apis" / "schema.json").read_text())["routes"]
    assert {route["name"] for route in routes} == {"classify", "encode", "reconstruct", "generate"}


def test_it_serves_the_versions_it_was_built_with_wherever_the_aliases_point(built_home: Path):
    with serving(built_home, "fashion:test", workers=1) as server:
        answer = httpx.post(f"{server.url}/classify", files=parts(picture())).json()
        assert answer["model"] == "fashion-classifier:v1"
        promote(built_home / ALIAS_FILE, CLASSIFIER, "v1", alias="candidate")
        by_name = httpx.post(f"{server.url}/classify?model=fashion-classifier", files=parts(picture())).json()
        assert by_name["model"] == "fashion-classifier:v1"
        drawn = httpx.post(f"{server.url}/generate", json={"model": COMPANION}).json()
        assert drawn["model"] == f"{COMPANION}:c1"


@pytest.mark.slow
def test_it_runs_from_its_own_requirements_alone(built_home: Path, bento: Path, tmp_path: Path):
    exported = tmp_path / "fashion.bento"
    export = [sys.executable, "-m", "bentoml", "export", "fashion:test", str(exported)]
    subprocess.run(export, env=environment(built_home), check=True, capture_output=True)
    home, environment_folder = tmp_path / "home", tmp_path / "venv"
    venv.create(environment_folder, with_pip=True)
    python = str(environment_folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", "-r", str(bento / "env" / "python" / "requirements.txt")]
    subprocess.run(install, check=True)
    home.mkdir()
    bring = [python, "-m", "bentoml", "import", str(exported)]
    subprocess.run(bring, env=environment(home), check=True, capture_output=True)
    with serving(home, "fashion:test", python=python, folder=tmp_path, workers=2) as server:
        assert httpx.post(f"{server.url}/classify", files=parts(picture())).status_code == 200
        assert len(httpx.post(f"{server.url}/generate").json()["samples"]) == 16
    shutil.rmtree(environment_folder)
