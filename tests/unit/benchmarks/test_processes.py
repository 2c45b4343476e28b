"""A real server of two workers, weighed while it runs and gone when it is stopped."""

import sys
from dataclasses import replace

import httpx
import psutil
import pytest

from benchmarks.peers import PEERS, Request
from benchmarks.ports import free_port
from benchmarks.processes import CannotCompare, running
from benchmarks.workloads import small_png

EMPTY = next(peer for peer in PEERS if peer.name == "empty-starlette")
ASKED = Request("/classify", small_png(), "image/png")


def test_a_server_is_started_weighed_and_stopped_with_its_workers():
    with running(EMPTY, free_port(), 2, {}, ASKED) as server:
        tree = server.tree()
        workers = server.workers()
        before = sum(server.cpu_seconds().values())
        for _ in range(200):
            httpx.post(server.url(ASKED), content=ASKED.body)
        assert sum(server.cpu_seconds().values()) > before
        assert 10 < server.worker_memory_mib() < server.peak_memory_mib()
        assert 0 < server.seconds_to_ready < 60
    assert len(workers) == 2
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in tree)


def test_a_server_that_ends_at_once_is_told_with_its_log():
    broken = replace(EMPTY, command=(sys.executable, "-c", "raise SystemExit('no model here')"))
    with (
        pytest.raises(CannotCompare, match="no model here"),
        running(broken, free_port(), 2, {}, ASKED),
    ):
        pass
