"""A real `bentoml serve` in processes of its own, on a port and a BentoML home of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, its processes, and what it has logged."""

    port: int
    process: psutil.Process
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, in the order of their start."""
        found = [child for child in self.process.children() if _is_worker(child)]
        return sorted(found, key=lambda worker: worker.create_time())

    def memory_bytes(self) -> int:
        """Resident memory of all workers together."""
        return sum(worker.memory_info().rss for worker in self.workers())


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "_bentoml_impl.worker" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def environment(home: Path, **settings: object) -> dict[str, str]:
    """This process's environment with a BentoML home and settings of the service, and no others of them."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FASHION_")}
    env |= {f"FASHION_{name.upper()}": str(value) for name, value in settings.items()}
    return env | {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}


@contextmanager
def serving(
    home: Path,
    what: str = ".",
    *,
    folder: Path = ROOT,
    python: str = sys.executable,
    workers: int = 2,
    **settings: object,
) -> Iterator[Server]:
    """Run `bentoml serve what` in `folder`, wait until it is ready, and stop it in the end."""
    port, log = free_port(), home / f"serve-{time.monotonic_ns()}.log"
    settings = {"drain_seconds": 0, **settings}  # no load balancer is told
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("FASHION_", "PROMETHEUS_"))
    }
    env |= {f"FASHION_{name.upper()}": str(value) for name, value in settings.items()}
    env |= {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "FASHION_WORKERS": str(workers)}
    command = [python, "-m", "bentoml", "serve", what, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    server = Server(port, psutil.Process(process.pid), log)
    try:
        _wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            for child in server.process.children(recursive=True):
                child.kill()
            process.kill()
            process.wait(5)


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, server.log.read_text()
        try:
            if httpx.get(f"{server.url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready after {READY_SECONDS} s: {server.log.read_text()}")
