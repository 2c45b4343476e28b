"""`python -m benchmarks.soak`: every row of the reliability targets, a table, and JSON."""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.soak.load_rows import clients_that_leave, overload
from benchmarks.soak.machine_rows import clock_jumps, full_disk
from benchmarks.soak.model_rows import corrupted, missing_alias, promoted
from benchmarks.soak.process_rows import killed_workers, told_to_end
from benchmarks.soak.rows import Row, RowRun, Settings

ROWS: dict[str, RowRun] = {
    run.__name__.replace("_", "-"): run
    for run in (
        overload,
        killed_workers,
        told_to_end,
        promoted,
        corrupted,
        missing_alias,
        full_disk,
        clock_jumps,
        clients_that_leave,
    )
}


def main() -> int:
    """Run the rows one after the other; 1 where one was missed."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="soak-models-") as folder:
        models = options.models or _released(Path(folder))
        settings = Settings(models, options.seconds, options.minutes * 60, options.connections)
        rows = [asyncio.run(_run(name, settings)) for name in options.rows]
    _show(rows)
    _save(options.out, options, rows)
    return int(any(row.missed for row in rows))


async def _run(name: str, settings: Settings) -> Row:
    print(f"{name} …", file=sys.stderr, flush=True)
    began = time.monotonic()
    row = await ROWS[name](settings)
    print(f"{name}: {row.verdict}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return row


def _released(home: Path) -> Path:
    """A BentoML home with the released models."""
    environment = {**os.environ, "BENTOML_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "service.releases"], env=environment, check=True, stdout=sys.stderr)
    return home


def _show(rows: list[Row]) -> None:
    for row in rows:
        print(f"\n{row.verdict.upper():13}{row.name}: {row.target}")
        for name, value in row.numbers.items():
            print(f"{'':13}{name:40} {value}")
        for what in row.missed:
            print(f"{'':13}MISSED: {what}")
        if row.skipped:
            print(f"{'':13}{row.skipped}")


def _save(path: Path, options: argparse.Namespace, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "minutes": options.minutes,
        "seconds": options.seconds,
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    path.write_text(json.dumps(told, indent=1) + "\n")
    print(f"\nwritten to {path}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="of twice the capacity (the target: 30)")
    parser.add_argument("--seconds", type=float, default=20, help="of every other row")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument(
        "--models", type=Path, help="a BentoML home, whose `stable` is served; default: releases/"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/soak/latest.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
