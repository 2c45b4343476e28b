"""What really gets loaded: import contracts see our own imports, this sees those of our dependencies too."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING_ONLY = {
    "torch",
    "lightning",
    "pytorch_lightning",
    "onnx",
    "sklearn",
    "matplotlib",
    "tensorboard",
    "training",
}
HTTP_AND_STORE = {"bentoml", "starlette", "uvicorn", "aiohttp", "requests"}


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after one statement."""
    script = f"{statement}\nimport sys\nprint('LOADED', *{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("LOADED")[2].split())


def test_the_service_loads_nothing_that_only_training_needs():
    loaded = loaded_by("import service.service, service.endpoints, service.application")
    assert {"service", "fashion", "bentoml", "onnxruntime"} <= loaded
    assert not loaded & TRAINING_ONLY


def test_the_process_that_starts_the_workers_loads_nothing_that_they_alone_need():
    loaded = loaded_by("import service.service")
    assert {"service", "fashion", "bentoml"} <= loaded
    assert not loaded & {"numpy", "PIL", "onnxruntime", "prometheus_client", "uvicorn"}


@pytest.mark.parametrize(
    "module", ["fashion.models", "fashion.decoding", "fashion.preparation", "fashion.sheets"]
)
def test_fashion_loads_neither_training_nor_http_nor_the_store(module):
    loaded = loaded_by(f"import {module}")
    assert "fashion" in loaded
    assert not loaded & (TRAINING_ONLY | HTTP_AND_STORE)


def test_what_is_loaded_is_seen():
    assert loaded_by("import training.networks.classifiers") >= {"torch", "training"}
