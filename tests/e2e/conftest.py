"""One server of two workers for all tests that leave it as they found it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fashion.aliases import ALIAS_FILE
from tests.e2e.server import Server, serving
from tests.stores import publish_tiny, store_at


@pytest.fixture(scope="session")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home whose `stable` names tiny models, version v1."""
    home = tmp_path_factory.mktemp("served-home")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
    return home


@pytest.fixture
def home(served_home: Path, tmp_path: Path) -> Path:
    """A copy of it for a server of the test's own: two servers of one home destroy each other's metrics."""
    copied = tmp_path / "home"
    shutil.copytree(served_home / "models", copied / "models", symlinks=True)
    shutil.copy(served_home / ALIAS_FILE, copied)
    return copied


@pytest.fixture(scope="session")
def server(served_home: Path) -> Iterator[Server]:
    """A server of the checkout with two workers."""
    with serving(served_home) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=server.url, timeout=60) as made:
        yield made
