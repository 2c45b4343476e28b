"""Every row of `make soak`, for seconds instead of minutes: real servers, killed, overloaded and misled."""

import asyncio

import pytest

from benchmarks.soak.__main__ import ROWS
from benchmarks.soak.rows import Settings
from tests.stores import publish_tiny, store_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# For as long as these run, memory has not settled yet: half an hour of `make soak` tells about that.
ONLY_IN_THE_LONG_RUN = {"memory stays flat", "refusals come at once"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Tiny models, and as little time as each row can do with."""
    home = tmp_path_factory.mktemp("models")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
    return Settings(home, seconds=6, overload_seconds=10, connections=8)


@pytest.mark.parametrize("name", ROWS)
def test_it_holds(name: str, settings: Settings):
    row = asyncio.run(ROWS[name](settings))
    if row.skipped:
        pytest.skip(row.skipped)
    assert row.numbers
    assert set(row.missed) <= ONLY_IN_THE_LONG_RUN, row
