"""Clients that hold connections instead of using them: slow, silent, endless, many. All are let go."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fashion.aliases import ALIAS_FILE
from tests.e2e.raw import GET, connect, read_all, read_answer
from tests.e2e.server import Server, serving
from tests.http.pictures import picture
from tests.stores import publish_tiny, store_at

HEAD_SECONDS, RECEIVE_SECONDS, SEND_SECONDS, IDLE_SECONDS = 1.0, 2.0, 1.0, 1.5
MAX_CONNECTIONS = 20
CHUNKED = (
    b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one worker with little patience and little room."""
    home = tmp_path_factory.mktemp("strict-home")
    with store_at(home):
        publish_tiny(home, "v1", seed=1)
    assert (home / ALIAS_FILE).exists()
    with serving(
        home,
        workers=1,
        head_timeout_seconds=HEAD_SECONDS,
        receive_timeout_seconds=RECEIVE_SECONDS,
        send_timeout_seconds=SEND_SECONDS,
        keep_alive_seconds=IDLE_SECONDS,
        max_head_bytes=20_000,
        max_connections=MAX_CONNECTIONS,
        max_body_bytes=100_000,
    ) as server:
        yield server


def trickle(connection: socket.socket, piece: bytes, seconds: float) -> None:
    """Send a piece ten times a second, as long as the server takes it."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(0.1)
    except OSError:
        return


def pour(connection: socket.socket, piece: bytes, num_bytes: int) -> int:
    """Send until the server takes no more; the number of bytes that it took."""
    taken = 0
    try:
        while taken < num_bytes:
            taken += connection.send(piece)
    except OSError:
        pass
    return taken


def assert_answer(received: bytes, status: int, code: str) -> None:
    """Check the status, the one error body, and what every answer carries."""
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    assert lines[0].startswith(f"HTTP/1.1 {status} "), lines
    names = {line.partition(":")[0].lower() for line in lines[1:]}
    assert {"x-request-id", "x-content-type-options", "content-security-policy", "connection"} <= names
    assert json.loads(body)["error"]["code"] == code


def test_a_connection_that_says_nothing_is_closed(strict: Server):
    began = time.monotonic()
    with connect(strict) as connection:
        assert_answer(read_all(connection), 408, "request_timeout")
    assert HEAD_SECONDS * 0.8 < time.monotonic() - began < HEAD_SECONDS + 3


@pytest.mark.parametrize("before", [b"", GET], ids=["at first", "after another request"])
def test_headers_that_trickle_in_are_not_waited_for(strict: Server, before: bytes):
    with connect(strict) as connection:
        if before:
            connection.sendall(before)
            assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        sender = threading.Thread(target=trickle, args=(connection, b"X-A: b\r\n", HEAD_SECONDS + 2))
        sender.start()
        assert_answer(read_all(connection), 408, "request_timeout")
        assert time.monotonic() - began < HEAD_SECONDS + 3
        sender.join()


def test_a_request_that_comes_in_pieces_but_in_time_is_answered(strict: Server):
    with connect(strict) as connection:
        for _ in range(3):
            for piece in (GET[:10], GET[10:30], GET[30:]):
                connection.sendall(piece)
                time.sleep(HEAD_SECONDS / 5)
            assert read_answer(connection).startswith(b"HTTP/1.1 200 ")


def test_headers_beyond_their_limit_are_refused(strict: Server):
    with connect(strict) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        sender = threading.Thread(
            target=pour, args=(connection, b"X-A: " + b"b" * 5000 + b"\r\n", 10_000_000)
        )
        sender.start()
        received = read_all(connection)
        sender.join()
    if received:  # a client that goes on sending may find the connection reset before it has read
        assert_answer(received, 413, "too_large")


def test_trailers_without_end_are_cut_off(strict: Server):
    before = strict.memory_bytes()
    with connect(strict) as connection:
        connection.sendall(CHUNKED + b"1\r\nx\r\n0\r\n")
        assert pour(connection, b"X-A: " + b"b" * 1000 + b"\r\n", 100_000_000) < 10_000_000
    assert strict.memory_bytes() < before + 50 * 2**20


def test_the_rest_of_a_refused_body_is_not_waited_for(strict: Server):
    with connect(strict) as connection:
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 404 ")
        began = time.monotonic()
        sender = threading.Thread(target=trickle, args=(connection, b"x", RECEIVE_SECONDS + 3))
        sender.start()
        read_all(connection)
        assert time.monotonic() - began < RECEIVE_SECONDS + 2.5
        sender.join()


def test_a_connection_is_idle_once_all_of_a_refused_body_has_come(strict: Server):
    with connect(strict) as connection:
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 404 ")
        for piece in (b"x" * 50_000, b"x" * 40_000, GET):
            connection.sendall(piece)
            time.sleep(0.1)
        assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
    with connect(strict) as connection:
        connection.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
        read_answer(connection)
        connection.sendall(b"x" * 90_000)
        began = time.monotonic()
        assert read_all(connection) == b""  # and no 408
        assert IDLE_SECONDS * 0.8 < time.monotonic() - began < IDLE_SECONDS + 3


def test_what_follows_a_whole_request_takes_nothing_from_its_answer(strict: Server):
    body = picture()
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n"
    with connect(strict) as connection:
        connection.sendall(head % len(body) + body + b"\x00 and more than was announced")
        received = read_all(connection)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in received
    assert json.loads(received.partition(b"\r\n\r\n")[2])["predictions"]


def test_a_body_whose_chunks_are_none_is_refused(strict: Server):
    with connect(strict) as connection:
        connection.sendall(CHUNKED + b"5\r\nabcde\r\nnot a size\r\n")
        assert_answer(read_all(connection), 400, "invalid_request")


def test_what_is_refused_before_it_is_a_request_is_counted(strict: Server):
    def counted() -> tuple[float, float]:
        lines = dict(line.rsplit(" ", 1) for line in httpx.get(f"{strict.url}/metrics").text.splitlines())
        return (
            float(lines.get('fashion_rejected_total{code="invalid_request"}', 0)),
            float(lines.get('fashion_requests_total{method="other",route="other",status="400"}', 0)),
        )

    before = counted()
    with connect(strict) as connection:
        connection.sendall(b"\x00" * 100)
        read_all(connection)
    assert counted() == (before[0] + 1, before[1] + 1)


def test_a_client_that_does_not_read_its_answer_is_let_go(strict: Server):
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", strict.port))
        wishes = b"POST /generate?count=1024 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 4
        connection.sendall(wishes)
        deadline = time.monotonic() + 20
        worker = strict.workers()[0]
        while any(
            open_.raddr and open_.raddr.port == connection.getsockname()[1]
            for open_ in worker.net_connections()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_an_idle_connection_is_closed(strict: Server):
    with connect(strict) as connection:
        connection.sendall(GET)
        began = time.monotonic()
        received = read_all(connection)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nserver:" not in received.lower()  # nor who answers, in which version
        assert IDLE_SECONDS * 0.8 < time.monotonic() - began < IDLE_SECONDS + 3


def test_idle_connections_make_room_the_longest_idle_first(strict: Server):
    time.sleep(IDLE_SECONDS)  # let those of other tests go
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(strict)) for _ in range(MAX_CONNECTIONS)]
        for connection in idle:
            connection.sendall(GET)
            read_answer(connection)
            time.sleep(0.01)  # so that no two have been idle for equally long
        for _ in range(2):
            another = stack.enter_context(connect(strict))
            another.sendall(GET)
            assert read_answer(another).startswith(b"HTTP/1.1 200 ")
        deadline = time.monotonic() + IDLE_SECONDS / 3
        while len(closed := select.select(idle, [], [], 0)[0]) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert closed == idle[:2]
        assert not any(connection.recv(1) for connection in closed)


def test_connections_beyond_their_number_are_refused_and_the_others_live(strict: Server):
    time.sleep(IDLE_SECONDS)  # let those of other tests go
    connections = [connect(strict) for _ in range(MAX_CONNECTIONS)]
    try:
        for connection in connections:
            connection.sendall(GET[:10])
        time.sleep(0.3)
        with connect(strict) as one_more:
            received = read_all(one_more)
            assert_answer(received, 429, "overloaded")
            assert b"retry-after: 1\r\n" in received
        connections[7].sendall(GET[10:])
        assert connections[7].recv(4096).startswith(b"HTTP/1.1 200 ")
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: x\r\n b: c\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_the_one_error_body(strict: Server, garbage: bytes):
    with connect(strict) as connection:
        connection.sendall(garbage)
        assert_answer(read_all(connection), 400, "invalid_request")


def test_a_wish_for_another_protocol_is_answered_as_if_it_were_none(strict: Server):
    for upgrade in ("websocket", "h2c"):
        headers = {
            "Connection": "Upgrade",
            "Upgrade": upgrade,
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version": "13",
        }
        assert httpx.get(f"{strict.url}/livez", headers=headers).status_code == 200
        assert httpx.get(f"{strict.url}/nothing", headers=headers).status_code == 404


def test_the_log_holds_no_traceback_after_all_of_it(strict: Server):
    assert httpx.get(f"{strict.url}/readyz").status_code == 200
    assert "Traceback" not in Path(strict.log).read_text()
