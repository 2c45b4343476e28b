"""One server's life in a measurement: started, waited for, weighed, and stopped with all its children."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.apps.answering import ARTIFACT_VARIABLE
from benchmarks.peers import Peer


@dataclass(frozen=True)
class Server:
    """A running peer."""

    process: psutil.Process
    port: int
    seconds_to_ready: float

    @property
    def url(self) -> str:
        """Where it classifies."""
        return f"http://127.0.0.1:{self.port}/classify"

    def tree(self) -> list[psutil.Process]:
        """The process and everything that it started."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Processor time used so far by the whole tree."""
        return sum(_used(process) for process in self.tree())

    def memory_mib(self) -> float:
        """Resident memory of the whole tree; shared pages count once for each process."""
        return float(sum(process.memory_info().rss for process in self.tree())) / 2**20


@contextmanager
def running(peer: Peer, port: int, workers: int, artifact: Path, first: httpx.Request) -> Iterator[Server]:
    """Start `peer` and wait until `first` (aimed at its port) is answered with 200."""
    fill = {"port": str(port), "workers": str(workers)}
    environment = {
        **os.environ,
        "BENTOML_DO_NOT_TRACK": "True",
        ARTIFACT_VARIABLE: str(artifact),
        **{name: value.format(**fill) for name, value in peer.environment.items()},
    }
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [part.format(**fill) for part in peer.command], env=environment, stdout=log, stderr=log
        )
        try:
            _wait(process, first, log)
            yield Server(psutil.Process(process.pid), port, time.perf_counter() - began)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], first: httpx.Request, log: object) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client() as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.send(first).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
    log.seek(0)  # type: ignore[attr-defined]
    raise RuntimeError(f"{process.args!r} did not answer:\n{log.read().decode(errors='replace')[-3000:]}")  # type: ignore[attr-defined]


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    for orphan in alive:
        orphan.kill()


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
