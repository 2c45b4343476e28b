"""No wall clock where time is measured: it jumps, forwards and back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SOURCES = sorted([*(ROOT / "service").rglob("*.py"), *(ROOT / "fashion").rglob("*.py")])
# A log record and a span bear the date on which they were made.
MAY_TELL_THE_DATE = {"service/request_log.py", "service/spans.py"}


def wall_clocks(source: str) -> set[str]:
    """The wall clocks that a module reads."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            names |= {f"time.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add(f"{node.value.id}.{node.attr}")
    return names & WALL_CLOCKS


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_time_is_measured_by_a_clock_that_does_not_jump(path: Path):
    if str(path.relative_to(ROOT)) not in MAY_TELL_THE_DATE:
        assert not wall_clocks(path.read_text())


def test_the_check_finds_a_wall_clock():
    assert wall_clocks("import time\nbegan = time.time()") == {"time.time"}
    assert wall_clocks("from time import time_ns") == {"time.time_ns"}
    assert wall_clocks("from datetime import datetime\ndatetime.now()") == {"datetime.now"}
