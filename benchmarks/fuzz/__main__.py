"""`python -m benchmarks.fuzz`: a server of two workers, thousands of odd requests, a summary, and 1 for any
finding."""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from benchmarks.fuzz.document import fuzz_document
from benchmarks.fuzz.requests import WELL_FORMED, spoiled_http
from benchmarks.fuzz.target import Findings, Target
from benchmarks.soak.server import Server, serving
from fashion.aliases import ALIAS_FILE

# How the requests are shared out among the sources.
_SHARES: Final = {
    "document": 0.3,
    "pictures": 0.2,
    "json": 0.15,
    "multipart": 0.1,
    "heads": 0.1,
    "tensors": 0.1,
    "wire": 0.05,
}
WORKERS: Final = 2
_LEAST_SENT: Final = 0.8  # hypothesis and schemathesis drop what they find they cannot send
_MOST_GROWTH: Final = 1.3  # of the workers' memory, from the end of the warm-up to the end
_WARM_UP: Final = 0.2  # of the requests


class Campaign:
    """One run: a server, a seed, a time to end by, and what was found."""

    def __init__(self, server: Server, seed: int, seconds: float) -> None:
        self.findings = Findings()
        self._server = server
        self._seeds = random.Random(seed)
        self._deadline = time.monotonic() + seconds
        self._target = Target(server.port, self.findings)

    def run(self, sources: Iterable[str], num_requests: float) -> None:
        """Send every source's share of about `num_requests`, fewer where time is over."""
        for source in sources:
            began = time.monotonic()
            self.send(source, num_requests)
            print(f"{source}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        self._target.close()

    def send(self, source: str, num_requests: float) -> None:
        """Send the share of `source` in `num_requests`."""
        count = round(num_requests * _SHARES[source])
        if source == "document":
            fuzz_document(self._server.port, self.findings, count, self.explore)
        elif source == "wire":
            self.explore(spoiled_http(), partial(self._target.send_raw, source), count)
        else:
            self.explore(WELL_FORMED[source](), partial(self._target.send, source), count)

    def explore(self, strategy: st.SearchStrategy[Any], send: Callable[[Any], object], count: int) -> None:
        """Send `count` of what the strategy makes. Nothing is shrunk: a finding is noted, and no failure."""

        @hypothesis.seed(self._seeds.getrandbits(64))
        @hypothesis.settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(strategy)
        def once(made: Any) -> None:
            if time.monotonic() < self._deadline:
                send(made)

        try:
            once()
        except Unsatisfiable:  # an operation that takes nothing can be sent nothing wrong
            return


def main() -> int:
    """Fuzz the released models' server, and tell."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="fuzz-home-") as folder,
        _serving(Path(folder), options) as server,
    ):
        campaign = Campaign(server, options.seed, options.seconds)
        pids = _pids(server)
        campaign.run(WELL_FORMED, options.requests * _WARM_UP)
        memory_mib = server.memory_mib()
        campaign.run(_SHARES, options.requests * (1 - _WARM_UP))
        time.sleep(1)  # for the last worker to let go of the last request
        told = _summary(campaign, (pids, _pids(server)), (memory_mib, server.memory_mib()), options)
    _show(told)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(told, indent=1) + "\n")
    print(f"written to {options.out}")
    return 1 if told["missed"] else 0


def _pids(server: Server) -> list[int]:
    return [worker.pid for worker in server.workers()]


@contextmanager
def _serving(folder: Path, options: argparse.Namespace) -> Iterator[Server]:
    """Two workers on a copy of the home that is asked for, or on the releases."""
    models: Path | None = options.models
    if models is None:
        environment = {**os.environ, "BENTOML_HOME": str(folder)}
        command = [sys.executable, "-m", "service.releases"]
        subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
    else:
        shutil.copytree(models / "models", folder / "models", symlinks=True)
        shutil.copy(models / ALIAS_FILE, folder)
    changed = dict(setting.split("=", 1) for setting in options.set)
    with serving(folder, workers=WORKERS, **changed) as server:
        while len(server.workers()) < WORKERS:
            time.sleep(0.1)
        yield server


def _summary(
    campaign: Campaign,
    pids: tuple[list[int], list[int]],
    memory_mib: tuple[float, float],
    options: argparse.Namespace,
) -> dict[str, Any]:
    findings = campaign.findings
    by_status: Counter[str] = Counter()
    by_source: dict[str, Counter[str]] = {}
    for (source, status), count in findings.answers.items():
        told = str(status) if status else "closed"
        by_status[told] += count
        by_source.setdefault(source, Counter())[told] += count
    failed = sum(count for (_, status), count in findings.answers.items() if status >= 500)
    missed = [f"{what} ({len(examples)})" for what, examples in findings.complaints.items()]
    if pids[0] != pids[1]:
        missed.append("a worker died")
    if memory_mib[1] > memory_mib[0] * _MOST_GROWTH:
        missed.append("memory grew")
    if findings.num_requests < options.requests * _LEAST_SENT:
        missed.append(f"{findings.num_requests} requests instead of {options.requests}")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": options.seed,
        "requests": findings.num_requests,
        "answered with 5xx": failed,
        "workers before": pids[0],
        "workers after": pids[1],
        "memory after warm-up, MiB": round(memory_mib[0]),
        "memory at the end, MiB": round(memory_mib[1]),
        "by status": dict(sorted(by_status.items())),
        "by source": {source: dict(sorted(counts.items())) for source, counts in by_source.items()},
        "missed": missed,
        "complaints": findings.complaints,
    }


def _show(told: dict[str, Any]) -> None:
    for what, examples in told["complaints"].items():
        print(f"\n{what}: {len(examples)}, such as\n  {examples[0]}")
    print()
    for name, value in told.items():
        if name not in ("complaints", "by source", "missed"):
            print(f"{name:26} {value}")
    for source, counts in told["by source"].items():
        print(f"  {source:24} {counts}")
    print("MISSED: " + "; ".join(told["missed"]) if told["missed"] else "nothing found")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=12_000)
    parser.add_argument("--seconds", type=float, default=1800, help="after which it ends in any case")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument(
        "--models", type=Path, help="a BentoML home, whose models are served; default: releases/"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of the service")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz/latest.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
