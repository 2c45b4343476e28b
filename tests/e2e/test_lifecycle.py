"""How a server's processes end, and how they are replaced."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.e2e.server import serving
from tests.http.pictures import parts, picture

BODY = picture()
HEAD = (
    f"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(BODY)}\r\n\r\n"
).encode()


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_sigterm_turns_readiness_off_and_lets_everything_else_be_answered(home: Path):
    with serving(home, workers=1, drain_seconds=5) as server:
        with (
            httpx.Client(base_url=server.url, timeout=60) as client,
            socket.create_connection(("127.0.0.1", server.port), 60) as begun,
        ):
            assert client.get("/livez").headers.get("connection") != "close"
            begun.sendall(HEAD + BODY[:10])
            server.process.terminate()
            wait_until(lambda: client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE, 5)
            late = client.post("/classify", files=parts(BODY))
            assert late.status_code == httpx.codes.OK
            assert late.headers["connection"] == "close"
            begun.sendall(BODY[10:])
            assert begun.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert os.waitstatus_to_exitcode(os.waitpid(server.process.pid, 0)[1]) == 0


def test_a_killed_worker_is_replaced_at_once_also_where_bentoml_would_not(home: Path, monkeypatch):
    monkeypatch.setenv("BENTOML_CONTAINERIZED", "true")
    with serving(home) as server:
        before = {worker.pid for worker in server.workers()}
        for worker in server.workers():
            worker.send_signal(signal.SIGKILL)
        wait_until(lambda: len({worker.pid for worker in server.workers()} - before) == 2, 5)
        wait_until(lambda: httpx.get(f"{server.url}/readyz", timeout=60).status_code == httpx.codes.OK, 60)
