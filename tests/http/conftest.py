"""The real application in this process, its lifespan run, on a real store of tiny real artifacts."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.http.in_process import served
from tests.stores import publish_tiny, store_at


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A BentoML home of two versions: `stable` names v1, and nothing names v2."""
    with store_at(tmp_path_factory.mktemp("bentoml-home")) as folder:
        publish_tiny(folder, "v1", seed=1)
        publish_tiny(folder, "v2", seed=2, alias=False)
        yield folder


@pytest.fixture(scope="session")
def client(home: Path) -> Iterator[httpx.Client]:
    """A client of the served application."""
    from service.service import FashionService

    with served(FashionService.to_asgi()) as made:
        yield made
