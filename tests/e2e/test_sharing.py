"""Connections are shared out evenly among the workers, also after some have closed or a worker has died."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.sharing import _SLOT
from tests.e2e.server import Server, serving


@pytest.fixture
def own_server(home: Path) -> Iterator[Server]:
    with serving(home) as running:
        # It is ready as soon as one worker is; the other may be about to start listening.
        wait_for_workers(running, home)
        yield running


def by_process(home: Path) -> dict[int, int]:
    """What the table says: how many connections each process has."""
    table = (home / "prometheus_multiproc_dir" / "connections.table").read_bytes()
    return dict(_SLOT.iter_unpack(table))


def wait_for_workers(server: Server, home: Path) -> None:
    deadline = time.monotonic() + 30
    while (
        not (alive := {worker.pid for worker in server.workers()}) <= by_process(home).keys()
        or len(alive) < 2
    ):
        assert time.monotonic() < deadline, f"the workers {alive} do not all take connections"
        time.sleep(0.05)


def connections(server: Server, home: Path) -> list[int]:
    """How many connections each living worker says that it has."""
    counts = by_process(home)
    return [counts[worker.pid] for worker in server.workers()]


def wait_for(server: Server, home: Path, wanted: int) -> list[int]:
    deadline = time.monotonic() + 5
    while sum(counts := connections(server, home)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return counts


@contextlib.contextmanager
def connected(server: Server, count: int) -> Iterator[list[httpx.Client]]:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=server.url, timeout=30)) for _ in range(count)]
        for client in clients:
            assert client.get("/livez").status_code == 200
        yield clients


def test_both_workers_get_as_many_connections(own_server: Server, home: Path):
    with connected(own_server, 8):
        assert wait_for(own_server, home, 8) == [4, 4]
    assert wait_for(own_server, home, 0) == [0, 0]


def test_a_worker_that_replaces_a_dead_one_gets_the_new_connections(own_server: Server, home: Path):
    with connected(own_server, 6):
        killed, _ = own_server.workers()
        killed.kill()
        killed.wait(5)
        wait_for_workers(own_server, home)
        with connected(own_server, 7):
            # Those of the worker that was kept may have been let go meanwhile, as idle ones are.
            counts = connections(own_server, home)
    assert sum(counts) >= 7
    assert max(counts) - min(counts) <= 1


def test_what_was_accepted_is_answered_though_one_worker_is_stopped(own_server: Server):
    stopped = own_server.workers()[0]
    stopped.suspend()
    try:
        with connected(own_server, 6):
            pass
    finally:
        stopped.resume()
