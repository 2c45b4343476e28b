"""Several processes train as one: on this machine's CPU, joined by gloo, started by torch's own launcher."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fashion.errors import InvalidValue
from tests.unit.training.tiny_data import stripes
from training.augmentation import plain
from training.distribution import Processes

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from io import StringIO
from pathlib import Path

import torch
from rich.console import Console

from tests.unit.training.tiny_data import tiny_split
from training.machine import Machine
from training.recipes import find_recipe
from training.recipes.overrides import with_overrides
from training.training_run import TrainRequest, train

torch.set_num_threads(1)
recipe = with_overrides(find_recipe("mlp"), ["hidden=8", "epochs=2", "batch_size=32"])
request = TrainRequest(recipe, Machine("cpu", "fp32"), Path(sys.argv[1]))
train(request, tiny_split(), None, Console(file=StringIO()))
"""


def train_with(num_processes: int, folder: Path) -> subprocess.Popen[str]:
    """Begins to train a tiny run in so many processes."""
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(SCRIPT)
    launcher = [] if num_processes == 1 else ["-m", "torch.distributed.run", "--standalone"]
    count = [] if num_processes == 1 else ["--nproc-per-node", str(num_processes)]
    return subprocess.Popen(
        [sys.executable, *launcher, *count, str(script), str(folder / "run")],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def history_of(process: subprocess.Popen[str], folder: Path) -> list[dict[str, float]]:
    """What training told of each epoch, once it has ended."""
    try:
        _, error = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 0, error[-2000:]
    history: list[dict[str, float]] = json.loads((folder / "run" / "history.json").read_text())
    return history


def test_two_processes_get_the_losses_of_one_with_the_same_global_batch(tmp_path):
    with train_with(1, tmp_path / "one") as one_process, train_with(2, tmp_path / "two") as two_processes:
        one, two = history_of(one_process, tmp_path / "one"), history_of(two_processes, tmp_path / "two")

    for alone, shared in zip(one, two, strict=True):
        for name in ("train/total", "train/error", "validation/total", "validation/error"):
            assert shared[name] == pytest.approx(alone[name], rel=1e-4), name
    assert (tmp_path / "two" / "run" / "artifact" / "manifest.json").is_file()


def test_the_shares_of_all_processes_are_the_batch():
    dataset = stripes(12)
    batch = plain(torch.tensor(dataset.images), torch.tensor(dataset.labels))
    shares = [Processes(rank, 3, 3).share_of(batch) for rank in range(3)]

    assert [len(share) for share in shares] == [4, 4, 4]
    assert sorted(torch.cat([share.labels for share in shares]).tolist()) == sorted(batch.labels.tolist())
    assert Processes().share_of(batch) is batch


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    with pytest.raises(InvalidValue, match="A batch of 100 cannot be shared by 3 processes"):
        Processes(0, 3, 3).check(100)


def test_without_a_launcher_there_is_one_process(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)

    assert Processes.of_environment() == Processes(0, 1, 1)


def test_what_the_launcher_says_is_believed(monkeypatch):
    for name, value in {
        "TORCHELASTIC_RUN_ID": "x",
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_WORLD_SIZE": "4",
    }.items():
        monkeypatch.setenv(name, value)
    processes = Processes.of_environment()

    assert (processes.is_first, processes.count, processes.machines) == (False, 8, 2)
    monkeypatch.setenv("RANK", "none")
    with pytest.raises(InvalidValue, match="must set RANK"):
        Processes.of_environment()
