"""One tiny classifier, really trained, exported and calibrated: where the tests of the later steps start."""

import functools
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from torch.onnx._internal.exporter._registration import ONNXRegistry

from tests.unit.training.tiny_data import TINY, tiny_split
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.runs import RunFolder
from training.training_run import TrainRequest, train


@pytest.fixture(scope="session", autouse=True)
def operators_read_once() -> Iterator[None]:
    """torch reads its table of ONNX's operators anew for each graph, which takes nearly as long as all else
    that is done to a tiny one, and a hundred are exported here. Nothing changes that table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib))
        )
        yield


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that ended: read it, do not change it."""
    recipe = with_overrides(find_recipe("classifier"), [*TINY, "width=4", "epochs=8"])
    machine = Machine.choose("cpu", "fp32", threads=1)
    request = TrainRequest(recipe, machine, tmp_path_factory.mktemp("runs") / "tiny")
    return train(request, tiny_split(), None, Console(file=StringIO()))


@pytest.fixture
def own_run(trained_run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of that run, to change."""
    return RunFolder(Path(shutil.copytree(trained_run.path, tmp_path / "run")))
