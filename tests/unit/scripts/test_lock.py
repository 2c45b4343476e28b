"""The lock check finds each way in which locks/ can disagree with pyproject.toml."""

from pathlib import Path

import pytest

from scripts.lock import LOCKS, ROOT, complaints

PROJECT = """
[project]
dependencies = ["numpy>=2"]
[project.optional-dependencies]
service = ["Prometheus_Client>=0.21"]
tracing = ["numpy>=2"]
training = ["torch==2.13.0"]
"""
SERVICE = {"numpy": "2.4.6", "prometheus-client": "0.26.0"}
ALL = {**SERVICE, "torch": "2.13.0"}


def found(folder: Path, service: dict[str, str], everything: dict[str, str]) -> list[str]:
    """The complaints about locks with these pins."""
    (folder / "pyproject.toml").write_text(PROJECT)
    for name, pins in {"service": service, "all": everything}.items():
        lines = [f"{package}=={version}\n" for package, version in pins.items()]
        (folder / f"{name}.txt").write_text("# a comment\n" + "".join(lines))
    return complaints(folder / "pyproject.toml", folder)


def test_the_locks_of_this_checkout_fit():
    assert complaints(ROOT / "pyproject.toml", LOCKS) == []


def test_fitting_locks_give_no_complaint(tmp_path):
    assert found(tmp_path, SERVICE, ALL) == []


@pytest.mark.parametrize(
    ("service", "everything", "expected"),
    [
        pytest.param(SERVICE, SERVICE, "no pin for 'torch==2.13.0'", id="a requirement without a pin"),
        pytest.param(
            SERVICE, {**ALL, "torch": "2.12.0"}, "2.12.0 for 'torch==2.13.0'", id="a pin outside the range"
        ),
        pytest.param({**SERVICE, "numpy": "2.3.0"}, ALL, "numpy 2.3.0", id="two locks that differ"),
        pytest.param(SERVICE, {**ALL, "torch": "2.13.0+cpu"}, "'+local'", id="a build of one index"),
    ],
)
def test_complains_of(tmp_path, service, everything, expected):
    (complaint,) = found(tmp_path, service, everything)
    assert expected in complaint
