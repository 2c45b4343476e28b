"""One server's life in a measurement: started, waited for, weighed, and stopped with all its children."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import httpx
import psutil

from benchmarks.peers import Peer, Request

ROOT: Final = Path(__file__).resolve().parent.parent
_READY_SECONDS: Final = 120
_LOADING_SECONDS: Final = 10  # that a second worker may take longer than the first
_PAUSE_SECONDS: Final = 0.1
_AT_REST: Final = 0.2  # of a core


class CannotCompare(Exception):
    """A server does not start, or does not answer as all must: its speed would tell nothing."""


@dataclass(frozen=True)
class Server:
    """A running peer."""

    peer: Peer
    process: psutil.Process
    port: int
    seconds_to_ready: float

    def url(self, request: Request) -> str:
        """Where a request goes."""
        return f"http://127.0.0.1:{self.port}{request.path}"

    def tree(self) -> list[psutil.Process]:
        """The process and everything that it started."""
        return [self.process, *self.process.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """The processes that answer."""
        return [each for each in self.tree() if self.peer.worker in _command_line(each)]

    def cpu_seconds(self) -> dict[int, float]:
        """Processor time used so far, by process id, of the whole tree."""
        return {process.pid: _used(process) for process in self.tree()}

    def rest(self, patience_seconds: float = 2.0) -> None:
        """Wait until nothing is left to do: a worker still loading, or requests whose client has gone."""
        deadline = time.monotonic() + patience_seconds
        before = sum(self.cpu_seconds().values())
        while time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)
            now = sum(self.cpu_seconds().values())
            if now - before < _AT_REST * _PAUSE_SECONDS:
                return
            before = now

    def peak_memory_mib(self) -> float:
        """The sum of every process's highest resident memory; shared pages count once for each."""
        return sum(_peak_mib(process) for process in self.tree())

    def worker_memory_mib(self) -> float:
        """The highest resident memory of any worker; of any process where none is known for a worker."""
        return max(_peak_mib(process) for process in self.workers() or self.tree())


@contextmanager
def running(
    peer: Peer, port: int, workers: int, settings: Mapping[str, str], first: Request
) -> Iterator[Server]:
    """Start `peer` and wait until `first` is answered with 200 and all its processes have come to rest."""
    fill = {"port": str(port), "workers": str(workers)}
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FASHION_", "PROMETHEUS_"))
        },
        **settings,
        "BENTOML_DO_NOT_TRACK": "True",
        # As our service sets it for itself: on products as small as these, threads wait for each other.
        "OPENBLAS_NUM_THREADS": "1",
        "WORKERS": str(workers),
        **{name: value.format(**fill) for name, value in peer.environment.items()},
    }
    command = [part.format(**fill) for part in peer.command]
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
        try:
            _wait(process, f"http://127.0.0.1:{port}{first.path}", first, log)
            server = Server(peer, psutil.Process(process.pid), port, time.perf_counter() - began)
            server.rest(_LOADING_SECONDS)
            yield server
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], url: str, first: Request, log: IO[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    told = "nothing"
    with httpx.Client(headers={"content-type": first.content_type}) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                answer = client.post(url, content=first.body)
                if answer.status_code == httpx.codes.OK:
                    return
                told = f"{answer.status_code} {answer.text[:300]}"
            except httpx.TransportError:
                pass
            time.sleep(0.02)
    ended = process.poll()
    why = f"it did not answer within {_READY_SECONDS} s" if ended is None else f"it ended with {ended}"
    log.seek(0)
    tail = log.read().decode(errors="replace")[-3000:]
    raise CannotCompare(f"{why}; last came {told}\nIts log ends:\n{tail}")


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
        with suppress(psutil.NoSuchProcess):
            orphan.kill()


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _peak_mib(process: psutil.Process) -> float:
    """The highest resident memory that a process has had (VmHWM); 0 of one that has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    except OSError:
        return 0.0
    peak = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(peak.split()[1]) / 1024


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
