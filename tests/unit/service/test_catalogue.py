"""Versions that are loaded when somebody asks for them: in time, once, and not too many at a time."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fashion.aliases import ALIAS_FILE, promote
from service.admission import Admission, Held
from service.catalogue import Catalogue
from service.exchange import Exchange
from service.refusals import Refusal
from service.store import alias_source
from tests.stores import CLASSIFIER, publish_tiny, store_at


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with store_at(tmp_path) as made:
        publish_tiny(made, "v1", seed=1)
        yield made


def catalogue(warm_up: Callable[[object], None] = lambda _: None, max_versions_loaded: int = 4) -> Catalogue:
    made = Catalogue(alias_source(), max_versions_loaded=max_versions_loaded, warm_up=warm_up)
    made.load()
    return made


def asking(seconds: float = 10) -> Exchange:
    made = Exchange(b"id", {}, Held(Admission(10, 10)), None)
    made.received(seconds)
    return made


def test_a_version_is_waited_for_as_long_as_a_request_has_time_and_loaded_once(home: Path) -> None:
    publish_tiny(home, "v2", seed=2, alias=False)
    goes_on, loaded = threading.Event(), []

    def warm_up(model: object) -> None:
        loaded.append(model)
        if len(loaded) > 2:  # the two that stable names
            goes_on.wait(10)

    async def ask() -> None:
        served = catalogue(warm_up)
        with pytest.raises(Refusal, match="took longer"):
            await served.classifier(asking(0.05), f"{CLASSIFIER}:v2")
        others = [served.classifier(asking(), f"{CLASSIFIER}:v2") for _ in range(3)]
        goes_on.set()
        found = await asyncio.gather(*others)
        assert {(tag, id(model)) for tag, model in found} == {(f"{CLASSIFIER}:v2", id(loaded[2]))}

    asyncio.run(ask())
    assert len(loaded) == 3


def test_only_so_many_versions_are_loaded_at_a_time(home: Path) -> None:
    goes_on = threading.Event()
    versions = [f"v{number}" for number in range(2, 11)]
    for version in versions:
        publish_tiny(home, version, seed=1, alias=False)

    goes_on.set()

    def warm_up(_: object) -> None:
        goes_on.wait(10)

    async def ask() -> None:
        served = catalogue(warm_up)
        goes_on.clear()
        found = [
            asyncio.ensure_future(served.classifier(asking(), f"{CLASSIFIER}:{version}"))
            for version in versions
        ]
        await asyncio.sleep(0.1)
        assert [each.done() for each in found] == [False] * 8 + [True]
        with pytest.raises(Refusal, match="8 versions are being loaded"):
            found[-1].result()
        goes_on.set()
        await asyncio.gather(*found[:-1])

    asyncio.run(ask())


def test_a_version_that_both_aliases_name_is_one(home: Path) -> None:
    promote(home / ALIAS_FILE, CLASSIFIER, "v1", alias="candidate")
    loaded: list[object] = []
    served = catalogue(loaded.append)
    assert len(loaded) == 2  # a classifier and an autoencoder
    assert served.candidate(CLASSIFIER) is None
    assert (CLASSIFIER, ("stable", "candidate")) in [(each.name, names) for each, names in served.served]


def test_a_version_that_is_asked_for_while_an_alias_loads_it_is_loaded_once(home: Path) -> None:
    publish_tiny(home, "v2", seed=2, alias=False)
    began, goes_on, loaded = threading.Event(), threading.Event(), []

    def warm_up(model: object) -> None:
        loaded.append(model)
        if len(loaded) > 2:
            began.set()
            goes_on.wait(10)

    async def follow() -> None:
        served = catalogue(warm_up)
        watching = asyncio.create_task(served.watch(0.01))
        promote(home / ALIAS_FILE, CLASSIFIER, "v2")
        await asyncio.to_thread(began.wait, 10)
        asked = asyncio.ensure_future(served.classifier(asking(), f"{CLASSIFIER}:v2"))
        await asyncio.sleep(0.1)
        goes_on.set()
        tag, model = await asked
        assert (tag, model) == await served.classifier(asking(), "stable")
        watching.cancel()

    asyncio.run(follow())
    assert len(loaded) == 3
