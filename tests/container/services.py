"""The service in a container, as a test meets it: started, called, looked into; and stores for it."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.ports import free_port
from fashion.artifact import Artifact
from tests.container.engines import Container, Engine

START_SECONDS = 120  # of a busy machine: the image's own health check allows less

# In a process of its own, because BentoML knows one home a process.
PUBLISH = """
import os, shutil, subprocess, sys
from pathlib import Path
import bentoml
from fashion.aliases import ALIAS_FILE, promote
name, folder = sys.argv[1:]
with bentoml.models.create(name) as model:
    shutil.copytree(folder, model.path, dirs_exist_ok=True)
home = Path(os.environ["BENTOML_HOME"])
subprocess.run(["chmod", "-R", "a+rX", home], check=True)  # for the user in the container
promote(home / ALIAS_FILE, name, model.tag.version)
print(model.tag)
"""

WORKERS = """
import json, pathlib
paths = pathlib.Path("/proc").glob("[0-9]*/cmdline")
commands = {path.parent.name: path.read_bytes().split(b"\\0") for path in paths}
worker = b"_bentoml_impl.worker.service"
print(json.dumps([int(pid) for pid, command in commands.items() if worker in command]))
"""


class Service:
    """A started container, with a client to it."""

    def __init__(self, container: Container, client: httpx.Client) -> None:
        self.container = container
        self.client = client

    def is_ready(self) -> bool:
        """Whether /readyz says so within a second."""
        try:
            return self.client.get("/readyz", timeout=1).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def classify(self, num_pictures: int = 1) -> httpx.Response:
        """Send `num_pictures` pictures to /classify."""
        return self.client.post(
            "/classify", files=[("images", ("shoe.png", png(), "image/png"))] * num_pictures
        )

    def counted(self, sample_name: str) -> float:
        """The sum over all series of one Prometheus metric."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        return sum(
            sample.value for family in families for sample in family.samples if sample.name == sample_name
        )

    def python(self, script: str) -> str:
        """What a Python script prints in the container."""
        done = self.container.run("python", "-c", script)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def workers(self) -> set[int]:
        """The processes that answer requests, by their numbers inside."""
        return set(json.loads(self.python(WORKERS)))

    def kill(self, workers: set[int]) -> None:
        """Kill workers as the kernel does where memory runs out."""
        self.python(f"import os; [os.kill(pid, 9) for pid in {sorted(workers)}]")


@contextmanager
def started(
    engine: Engine, image: str, environment: Mapping[str, str], store: Path | None = None
) -> Iterator[Service]:
    """The service of `image`, ready, until the block ends; its log is printed where the block fails."""
    port = free_port()
    container = engine.start(image, port, environment, store)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            service = Service(container, client)
            wait_until(lambda: service.is_ready() or not container.is_running(), START_SECONDS, "/readyz")
            assert container.is_running()
            yield service
    except BaseException:
        print(container.logs())  # noqa: T201 - for who reads the failure
        raise
    finally:
        container.remove()


def wait_until(happened: Callable[[], bool], timeout_seconds: float, what: str) -> float:
    """Wait for something and tell how many seconds it took; fails where it does not happen in time."""
    start = time.monotonic()
    while not happened():
        assert time.monotonic() - start < timeout_seconds, f"waited {timeout_seconds} s for {what}"
        time.sleep(0.1)
    return time.monotonic() - start


def png() -> bytes:
    """A 28x28 grey picture: a network input."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((28, 28)).save(file, "PNG")
    return file.getvalue()


def publish(home: Path, artifact: Artifact) -> str:
    """Put `artifact` into the store of the BentoML home `home`, make it stable, and tell its tag."""
    published = subprocess.run(
        [sys.executable, "-c", PUBLISH, artifact.manifest.name, artifact.folder],
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert published.returncode == 0, published.stderr
    return published.stdout.split()[-1]
