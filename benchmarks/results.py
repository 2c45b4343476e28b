"""Rounds of measurements to medians, a table for people, and JSON for programs."""

import json
import os
import platform
import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.wrk import Load


@dataclass(frozen=True)
class Measurement:
    """One peer under one load in one round."""

    peer: str
    workload: str
    load: Load
    cpu_cores: float  # how many cores the server's processes kept busy
    memory_mib: float
    seconds_to_ready: float


def medians(measurements: list[Measurement]) -> list[dict[str, Any]]:
    """A row for each peer, workload and number of connections: medians over the rounds, errors summed."""
    groups: dict[tuple[str, str, int], list[Measurement]] = defaultdict(list)
    for made in measurements:
        groups[made.workload, made.peer, made.load.connections].append(made)
    return [
        {
            "workload": workload,
            "peer": peer,
            "connections": connections,
            "rounds": len(rounds),
            **{
                name: statistics.median(getattr(made.load, name) for made in rounds)
                for name in ("requests_per_second", "p50", "p99", "p999")
            },
            "errors": sum(made.load.errors for made in rounds),
            **{
                name: statistics.median(getattr(made, name) for made in rounds)
                for name in ("cpu_cores", "memory_mib", "seconds_to_ready")
            },
        }
        for (workload, peer, connections), rounds in groups.items()
    ]


def show(rows: list[dict[str, Any]], floor: dict[str, dict[str, float]]) -> None:
    """Print a table for each workload and number of connections, fastest first, and our ratio to each."""
    console = Console(width=120)
    for workload, steps in floor.items():
        parts = ", ".join(f"{name} {microseconds:.0f}" for name, microseconds in steps.items())
        console.print(f"[bold]{workload}[/] floor, microseconds: {parts}")
    for workload, connections in sorted({(row["workload"], row["connections"]) for row in rows}):
        chosen = [row for row in rows if (row["workload"], row["connections"]) == (workload, connections)]
        console.print(_table(f"{workload}, {connections} connections", chosen))


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("server")
    headings = ("requests/s", "ours / theirs", "p50 ms", "p99 ms", "p99.9 ms", "errors", "cores", "MiB")
    for heading in headings:
        table.add_column(heading, justify="right")
    ours = next((row["requests_per_second"] for row in rows if row["peer"] == "fashion-service"), None)
    for row in sorted(rows, key=lambda row: -row["requests_per_second"]):
        rate = row["requests_per_second"]
        table.add_row(
            row["peer"],
            f"{rate:,.0f}",
            f"{ours / rate:.2f}" if ours and rate else "-",
            *(f"{row[name]:.2f}" for name in ("p50", "p99", "p999")),
            str(row["errors"]),
            f"{row['cpu_cores']:.2f}",
            f"{row['memory_mib']:.0f}",
        )
    return table


def save(path: Path, rows: list[dict[str, Any]], floor: dict[str, dict[str, float]], model: str) -> None:
    """Write everything that was measured, with the machine and the date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "model": model,
        "floor_microseconds": floor,
        "rows": rows,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
