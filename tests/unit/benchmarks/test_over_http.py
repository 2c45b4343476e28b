"""A figure over HTTP agrees with the report to the picture, or by chance where fewer pictures were sent."""

import json
from pathlib import Path

import pytest

from benchmarks.over_http import Check, reported

ALL = Check("accuracy", "fashion-classifier:1", 0.9504, error=0.0, pictures_a_second=1_234.0)
SAMPLE = Check("accuracy", "fashion-classifier:1", 0.9504, error=0.01)


@pytest.mark.parametrize(
    ("check", "figure", "agrees"),
    [(ALL, 0.9504, True), (ALL, 0.9505, False), (SAMPLE, 0.93, True), (SAMPLE, 0.91, False)],
)
def test_figures_agree_as_far_as_the_pictures_tell(check: Check, figure: float, agrees: bool) -> None:
    line, found = check.row(figure)

    assert found is agrees
    assert ("agree" if agrees else "DIFFER") in line


def test_speed_is_told_and_the_report_asked_for_where_there_is_none() -> None:
    line, agrees = ALL.row(None)

    assert not agrees
    assert "`make report`" in line
    assert line.endswith("1,234 pictures/s")


def test_the_report_of_the_version_that_answered_is_read(tmp_path: Path) -> None:
    assert reported(tmp_path, ALL) is None
    (tmp_path / "fashion-classifier-1").mkdir()
    (tmp_path / "fashion-classifier-1/report.json").write_text(json.dumps({"figures": {"accuracy": 0.5}}))

    assert reported(tmp_path, ALL) == 0.5
    assert reported(tmp_path, Check("nats", "fashion-classifier:1", 0.0, error=0.0)) is None
