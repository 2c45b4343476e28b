"""The real application in this process, its lifespan run, on a real store of tiny real artifacts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import bentoml
import httpx
import pytest

from service.settings import settings
from tests.http.in_process import served
from tests.stores import publish_tiny, store_at

Serve = Callable[..., AbstractContextManager[httpx.Client]]


@contextmanager
def serving(**changed: object) -> Iterator[httpx.Client]:
    """A client of the application, with some settings changed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(f"FASHION_{name.upper()}", str(value))
        settings.cache_clear()
        try:
            from service.service import FashionService

            service = cast("bentoml.Service[Any]", FashionService)
            with served(service.to_asgi()) as made:
                yield made
        finally:
            settings.cache_clear()


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BentoML home of two versions: `stable` names v1, and nothing names v2. Do not change it."""
    home = tmp_path_factory.mktemp("bentoml-home")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
        publish_tiny(home, "v2", seed=2, alias=False)
    return home


@pytest.fixture(scope="module")
def client(shared_home: Path) -> Iterator[httpx.Client]:
    """A client of the application, with the settings as they come."""
    with store_at(shared_home), serving() as made:
        yield made


@pytest.fixture
def serve(shared_home: Path) -> Iterator[Serve]:
    """Serves the shared store with some settings changed: `with serve(max_pictures=1) as client`."""
    with store_at(shared_home):
        yield serving


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty BentoML home of the test's own."""
    with store_at(tmp_path):
        yield tmp_path
