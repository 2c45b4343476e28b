"""The container image: built, started with a read-only root, called, hurt and stopped, as operators do."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fashion.artifact import Artifact
from tests.container.engines import STORE, Engine, engine
from tests.container.services import Service, png, publish, started, wait_until

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "fashion-service:test"
MAX_IMAGE_MEGABYTES = 600
# A new process starts at once, and takes some seconds on a busy machine until it answers.
REPLACE_SECONDS = 60

# Building takes minutes where nothing is cached.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, classifier_artifact: Artifact, autoencoder_artifact: Artifact
) -> Path:
    """A BentoML home with a stable version of each model."""
    home = tmp_path_factory.mktemp("home")
    for artifact in (classifier_artifact, autoencoder_artifact):
        publish(home, artifact)
    return home


@pytest.fixture(scope="module")
def containers() -> Engine:
    """The engine of this machine; skips where there is none."""
    found = engine()
    if found is None:
        pytest.skip("needs a container builder: a running docker, or buildah as root")
    return found


@pytest.fixture(scope="module")
def image(containers: Engine, store: Path) -> Iterator[str]:
    """The image, built by the script behind `make image`."""
    built = build(store)
    if "CONTAINER_BASE=debian" in built.stdout:
        if not shutil.which("debootstrap"):
            pytest.skip("needs a container registry, or debootstrap to build the base image")
        built = build(store, CONTAINER_BASE="debian")
    assert built.returncode == 0, built.stdout
    yield IMAGE
    containers.remove(IMAGE)


def build(store: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run docker/build on the stable versions of `store`."""
    return subprocess.run(
        [ROOT / "docker/build", IMAGE],
        env={**os.environ, "BENTOML_HOME": str(store), "PYTHON": sys.executable, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def service(containers: Engine, image: str) -> Iterator[Service]:
    """The service in a container, with two workers."""
    with started(containers, image, {"FASHION_WORKERS": "2", "FASHION_MAX_PICTURES": "3"}) as service:
        yield service


def test_the_image_takes_at_most_600_megabytes(containers, image):
    assert containers.num_bytes(image) / 1e6 <= MAX_IMAGE_MEGABYTES


def test_it_holds_no_compiler_no_git_no_torch_and_no_training_code(service):
    script = (
        "import importlib.util, shutil\n"
        "tools = ['cc', 'gcc', 'g++', 'clang', 'make', 'git', 'curl', 'wget', 'uv']\n"
        "packages = ['torch', 'lightning', 'training']\n"
        "print(list(filter(shutil.which, tools)), list(filter(importlib.util.find_spec, packages)))"
    )
    assert service.python(script) == "[] []"
    found = service.python(script.replace("'git'", "'python'").replace("'torch'", "'bentoml'"))
    assert found == "['python'] ['bentoml']"


def test_the_packages_are_exactly_the_locked_ones(service):
    script = (
        "from importlib.metadata import distributions\n"
        "print(*(f'{package.name}=={package.version}' for package in distributions()))"
    )
    locked = [line for line in (ROOT / "locks/service.txt").read_text().splitlines() if "==" in line]
    assert names(service.python(script).split()) == names(locked)


def names(pins: list[str]) -> list[str]:
    """Pins as they compare: `Simple_DI==1` and `simple-di==1` are one."""
    return sorted(pin.lower().replace("_", "-").replace(".", "-") for pin in pins)


def test_it_runs_as_a_user_who_owns_nothing(service):
    assert service.python("import os; print(os.getuid(), os.getgid())") == "1034 1034"
    can_write = ["-user", "1034", "-o", "-perm", "-o+w", "!", "-perm", "-o+t"]
    found = service.container.run("find", "/", "-xdev", "!", "-type", "l", "(", *can_write, ")")
    assert found.stdout == ""


def test_its_root_is_read_only_and_tmp_is_not(service):
    assert service.container.run("touch", "/tmp/here").returncode == 0
    assert "Read-only file system" in service.container.run("touch", "/home/bentoml/here").stderr


def test_it_classifies_a_picture_and_counts_it(service):
    before = service.counted("fashion_predictions_total")
    answer = service.classify()
    assert answer.status_code == httpx.codes.OK, answer.text
    assert len(answer.json()["predictions"]) == 1
    assert service.counted("fashion_predictions_total") == before + 1


def test_it_generates_pictures(service):
    answer = service.client.post("/generate", json={"count": 2, "seed": 1})
    assert answer.status_code == httpx.codes.OK, answer.text
    assert len(answer.json()["samples"]) == 2


def test_settings_reach_it_through_the_environment(service):
    assert service.classify(num_pictures=3).status_code == httpx.codes.OK
    refused = service.classify(num_pictures=4)
    assert refused.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    assert refused.json()["error"]["code"] == "too_large"


def test_the_health_check_passes_and_can_fail(containers, image, service):
    check = containers.health_check(image)
    assert service.container.run(*check).returncode == 0
    assert service.container.run("/usr/bin/env", "PORT=1", *check).returncode != 0


def test_a_killed_worker_is_replaced(service):
    before = service.workers()
    killed = {min(before)}
    service.kill(killed)
    wait_until(lambda: len(service.workers() - killed) == 2, REPLACE_SECONDS, "a new worker")
    assert service.classify().status_code == httpx.codes.OK


def test_it_comes_back_when_every_worker_was_killed(service):
    before = service.workers()
    service.kill(before)
    wait_until(lambda: len(service.workers() - before) == 2, REPLACE_SECONDS, "two new workers")
    wait_until(service.is_ready, REPLACE_SECONDS, "/readyz")
    assert service.classify().status_code == httpx.codes.OK


def test_sigterm_lets_a_request_finish_and_ends_with_zero(containers, image):
    body = png()
    head = "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    with started(containers, image, {"FASHION_WORKERS": "1"}) as service:
        with socket.create_connection(
            (service.client.base_url.host, service.client.base_url.port), 30
        ) as connection:
            connection.sendall(head.encode() + body[:10])
            # This one, and the one that asks.
            wait_until(
                lambda: service.counted("fashion_requests_in_progress") == 2, 10, "the request to begin"
            )
            service.container.terminate()
            wait_until(lambda: not service.is_ready(), 10, "new requests to be refused")
            connection.sendall(body[10:])
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert service.container.exit_code() == 0


def test_a_mounted_store_is_served_and_its_aliases_followed(containers, image, store, classifier_artifact):
    settings = {"BENTO_PATH": "/home/bentoml/src", "BENTOML_HOME": STORE, "FASHION_WORKERS": "1"}
    with started(containers, image, settings, store) as service:
        before = service.classify().json()["model"]
        after = publish(store, classifier_artifact)
        assert after != before
        wait_until(
            lambda: service.classify().json()["model"] == after, 30, f"{before} to give way to {after}"
        )
