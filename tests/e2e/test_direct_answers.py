"""Requests that are here as a whole, answered in one write, beside those that come in pieces."""

import time

import httpx

from tests.e2e.raw import GET, connect, read_all, read_answer
from tests.e2e.server import Server
from tests.http.pictures import picture

SETTLED_SECONDS = 0.5  # until a request that nobody waits for is done with


def classifying(version: bytes = b"1.1", extra: bytes = b"") -> tuple[bytes, bytes]:
    """The head and the body of a request that classifies a picture."""
    body = picture()
    length = str(len(body)).encode()
    head = b"POST /classify HTTP/%b\r\nHost: x\r\nContent-Type: image/png\r\n%bContent-Length: %b\r\n\r\n"
    return head % (version, extra, length), body


def told(received: bytes) -> tuple[list[str], bytes]:
    """The names of an answer's headers, and its body."""
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().splitlines()
    assert status == "HTTP/1.1 200 OK"
    return [line.partition(":")[0].lower() for line in lines], body


def test_an_answer_in_one_write_is_the_same_as_one_in_messages(server: Server):
    with connect(server) as connection:
        connection.sendall(b"".join(classifying()))
        names, body = told(read_answer(connection))
    with connect(server) as connection:
        connection.sendall(b"".join(classifying(b"1.0")))  # whose connection ends with the answer
        names_in_messages, body_in_messages = told(read_all(connection))
    assert [*names, "connection"] == names_in_messages
    assert body == body_in_messages


def test_a_body_may_come_late_and_in_pieces(server: Server):
    head, body = classifying()
    with connect(server) as connection:
        for pieces in ([head + body], [head, body], [head + body[:100], body[100:]]):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)
            told(read_answer(connection))


def test_requests_that_come_behind_each_other_are_answered_in_their_order(server: Server):
    request = b"".join(classifying())
    with connect(server) as connection:
        connection.sendall(request + GET + request)
        first, between, last = (read_answer(connection) for _ in range(3))
    assert told(first)[1] == told(last)[1]
    assert b"predictions" not in between


def test_a_client_that_asks_whether_it_may_go_on_is_told_so(server: Server):
    head, body = classifying(extra=b"Expect: 100-continue\r\n")
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        told(read_answer(connection))


def test_requests_behind_each_other_are_answered_whatever_follows_them(server: Server):
    request = b"".join(classifying())
    with connect(server) as connection:
        connection.sendall(request + request + b"\x00 this is no HTTP")
        received = read_all(connection)
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert received.count(b"\r\nconnection: close\r\n") == 1
    assert received.endswith(b"}]}")


def test_a_request_on_a_connection_that_was_closed_behind_it_is_let_go(server: Server):
    request, logged = b"".join(classifying()), server.log.stat().st_size
    broken = b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"
    with connect(server) as connection:
        connection.sendall(request + broken)  # whose refusal would come before the first one's answer
        assert read_all(connection) == b""
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    time.sleep(SETTLED_SECONDS)
    said = server.log.read_bytes()[logged:].decode()
    assert "Invalid HTTP" in said
    assert "ERROR" not in said, said
