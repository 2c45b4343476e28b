import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from training.cli import main

SMALL = ("--set", "width=1", "--set", "epochs=2", "--limit", "512", "--threads", "1")


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs `python -m training …` in this process: gives the exit status, and what was printed where."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return end.code or 0, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


@pytest.fixture
def small_world(fashion_mnist_folder, monkeypatch):
    """The dataset, and neither photographs nor digits, which would take their time."""
    monkeypatch.setenv("FASHION_MNIST_DIR", str(fashion_mnist_folder))
    monkeypatch.delenv("FASHION_PHOTOS_DIR", raising=False)
    monkeypatch.delenv("FASHION_DIGITS_DIR", raising=False)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("train", "resnet"), "There is no recipe 'resnet'"),
        (
            ("train", "classifier", "--set", "batch_size=0"),
            "optimisation.batch_size should be greater than or equal to 1",
        ),
        (("train", "classifier", "--set", "speed=2"), "There is no setting 'speed'"),
        (("train", "classifier", "--device", "tpu"), "--device takes auto, cpu or cuda"),
        (("train", "classifier", "--precision", "fp8"), "--precision takes auto, bf16 or fp32"),
        (("train", "classifier", "--threads", "0"), "--threads takes a number from 1 on"),
        (("train", "classifier", "--resume"), "--resume needs --out"),
        (("train", "classifier", "--data", "/nowhere"), "/nowhere"),
        (("train", "classifier", "--seed", "-1"), "--seed"),
        (("train", "classifier", "--sed", "1"), "No such option"),
        (("evaluate", "unheard"), "no version of unheard was published"),
        (("evaluate", "unheard", "--split", "train"), "--split takes test or validation"),
        (("export", "/nowhere"), "is no run folder"),
        (("calibrate", "/nowhere"), "is no run folder"),
        (("publish", "/nowhere"), "is no run folder"),
        (("promote", "unheard:1"), "holds no unheard:1"),
        (("rollback", "unheard"), "nothing to roll back to"),
        (("release", "unheard"), "no version of unheard was published"),
        (("report", "--releases", "/nowhere"), "holds no .bentomodel file"),
    ],
)
def test_bad_use_ends_in_one_sentence_and_status_2_with_nothing_written(
    command, arguments, told, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    status, _, error = command(*arguments)

    assert status == 2
    assert told in " ".join(error.split())
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(command, small_world):
    status, _, error = command("train", "classifier", *SMALL, "--out", "/dev/full/run")

    assert status == 2
    assert "Not a directory" in error


def test_recipes_are_listed_with_every_setting(command):
    status, printed, _ = command("recipes", "--settings")

    assert status == 0
    assert "classifier" in printed
    assert "optimisation.epochs" in printed


def test_from_the_dataset_to_a_released_model(command, small_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed, _ = command("train", "classifier", *SMALL, "--out", "run")
    assert status == 0
    assert "tensorboard --logdir run/tensorboard" in printed
    assert "generalisation gap" in printed

    status, printed, _ = command("evaluate", "run", "--split", "validation")
    assert status == 0
    assert (tmp_path / "run" / "report" / "report.md").is_file()

    status, printed, _ = command("publish", "run")
    tag = printed.split()[1].rstrip(";")
    assert status == 0
    assert tag.startswith("fashion-classifier:")
    assert command("promote", tag)[0] == 0
    assert command("release", "fashion-classifier", "--folder", "releases")[0] == 0
    assert [path.suffix for path in (tmp_path / "releases").iterdir()] == [".bentomodel"]


def test_a_run_that_was_stopped_says_how_to_continue_and_does(command, small_world, tmp_path):
    out = tmp_path / "run"
    arguments = ["train", "classifier", *SMALL, "--set", "epochs=400", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        stderr=subprocess.PIPE,
        env=os.environ,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and what they start inherits that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (takes no lock)
    )
    try:
        deadline = time.monotonic() + 90
        while not (out / "last.ckpt").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 130
    assert "Stopped classifier after" in error
    assert f"--out {out} --resume" in error
    assert "Traceback" not in error
    status, _, error = command(*arguments[:-4], "--set", "epochs=2", "--out", out, "--resume")
    assert status == 2
    assert (
        "cannot be resumed with other settings: settings.optimisation.epochs is 400 in the run and 2 now"
        in error
    )
