"""Nothing that we run reports to anybody: ONNX Runtime's telemetry would leave traces in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_artifacts import tiny_classifier

RUN = """
import pathlib
import {module}
from fashion.models import load_model
load_model(pathlib.Path({folder!r}))
"""


@pytest.mark.parametrize("module", ["service.inference", "training.export", "fashion.engine"])
def test_running_a_graph_leaves_nothing_in_the_home_folder(module: str, tmp_path: Path) -> None:
    folder = tiny_classifier(tmp_path / "artifact").folder
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", RUN.format(module=module, folder=str(folder))],
        env={**environment, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")},
        check=True,
    )
    assert [path for path in home.rglob("*") if "onnxruntime" in path.name] == []
