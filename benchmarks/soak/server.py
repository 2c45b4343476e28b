"""A real `bentoml serve` of this checkout, on a port and a BentoML home of its own."""

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from benchmarks.ports import free_port
from fashion.aliases import ALIAS_FILE, promote, read_aliases

ROOT = Path(__file__).resolve().parents[2]
CLASSIFIER = "fashion-classifier"
FIRST, SECOND = "first", "second"  # versions of every model, alike but for their names
READY_SECONDS = 90.0
_LOADED = "Completed async startup hook"  # as BentoML logs it for each worker


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: psutil.Popen
    home: Path
    log: Path

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, in the order of their start."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = [one for one in self.process.children() if _is_worker(one)]
            return sorted(children, key=lambda worker: worker.create_time())
        return []

    def memory_mib(self) -> float:
        """Resident memory of all workers together."""
        return float(sum(worker.memory_info().rss for worker in self.workers())) / 2**20

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET; status 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether the worker that answers says so."""
        return self.get("/readyz")[0] == 200

    def counted(self, metric: str, label: str = "") -> float:
        """The sum of a metric's samples, of those with `label` in their labels."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{metric} ", f"{metric}{{")) and label in line
        )

    def promote(self, version: str, name: str = CLASSIFIER) -> None:
        """Let `stable` of `name` be `version`."""
        promote(self.home / ALIAS_FILE, name, version)


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "_bentoml_impl.worker" in " ".join(process.cmdline()) and process.status() != "zombie"
    except psutil.Error:
        return False


@contextlib.contextmanager
def temporary_home(model: Path) -> Iterator[Path]:
    """A BentoML home with two versions of what the home `model` names `stable`; `first` is stable."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        home = Path(folder)
        for name, named in read_aliases(model / ALIAS_FILE).models.items():
            for version in (SECOND, FIRST):
                copy_version(model / "models" / name / str(named.stable), home / "models" / name / version)
            promote(home / ALIAS_FILE, name, FIRST)
        yield home


def copy_version(source: Path, to: Path) -> None:
    """Copy a version of the store under another name, as BentoML writes it."""
    shutil.copytree(source, to)
    description = to / "model.yaml"
    text = description.read_text().replace(f"version: {source.name}\n", f"version: {to.name}\n")
    description.write_text(text)
    (to.parent / "latest").write_text(to.name)


@contextlib.contextmanager
def serving(
    home: Path,
    *,
    workers: int = 2,
    output: IO[bytes] | None = None,
    environment: dict[str, str] | None = None,
    wait: bool = True,
    **settings: object,
) -> Iterator[Server]:
    """Run `bentoml serve` until the end of the block; wait first until it is ready and, unless its log goes
    to `output`, until every worker is."""
    port, log = free_port(), home / "serve.log"
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("FASHION_", "PROMETHEUS_"))
    }
    settings = {"workers": workers, "alias_poll_seconds": 0.2, **settings}
    env |= {f"FASHION_{name.upper()}": str(value) for name, value in settings.items()}
    env |= {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"} | (environment or {})
    command = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as file:
        stream = output or file
        process = psutil.Popen(
            command, cwd=ROOT, env=env, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL
        )
    server = Server(port, process, home, log)
    try:
        if wait:
            wait_until_ready(server)
            if output is None:
                _wait_for_every_worker(server, workers)
        yield server
    finally:
        stop(process)


def wait_until_ready(server: Server) -> None:
    """Wait until a worker that answers says that it is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while not server.is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not become ready:\n{server.log.read_text()[-3000:]}")
        time.sleep(0.1)


def _wait_for_every_worker(server: Server, workers: int) -> None:
    """Wait until as many workers have loaded their models as were asked for, going by the log."""
    deadline = time.monotonic() + READY_SECONDS
    while server.log.read_text().count(_LOADED) < workers and time.monotonic() < deadline:
        time.sleep(0.1)


def stop(process: psutil.Popen) -> None:
    """End a server and everything that it started."""
    if process.poll() is not None:
        return
    family = process.children(recursive=True)
    process.terminate()
    try:
        process.wait(30)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(5)
    for orphan in psutil.wait_procs(family, timeout=5)[1]:
        orphan.kill()
