"""`make fuzz`, shortened: some hundreds of odd requests to two workers, and nothing found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import ROOT, environment

REQUESTS = 400


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_hundreds_of_odd_requests_find_nothing(home: Path, tmp_path: Path):
    pytest.importorskip("schemathesis", reason="the extra `fuzz` is not installed: make fuzz installs it")
    report = tmp_path / "fuzz.json"
    command = [sys.executable, "-m", "benchmarks.fuzz", "--requests", str(REQUESTS), "--seed", "6"]
    command += ["--seconds", "600", "--models", str(home), "--out", str(report)]
    ran = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(report.read_text())
    assert told["requests"] >= REQUESTS * 0.8
    assert told["answered with 5xx"] == 0
    assert told["workers before"] == told["workers after"]
    assert told["complaints"] == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_should_not_be_answered_is_found(home: Path, tmp_path: Path):
    pytest.importorskip("schemathesis", reason="the extra `fuzz` is not installed: make fuzz installs it")
    report = tmp_path / "fuzz.json"
    command = [sys.executable, "-m", "benchmarks.fuzz", "--requests", "40", "--seed", "6"]
    command += ["--models", str(home), "--out", str(report), "--set", "answer_timeout_seconds=0.000001"]
    ran = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "504" in ran.stdout
