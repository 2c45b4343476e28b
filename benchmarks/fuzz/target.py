"""The server under fire: sends requests over plain sockets, counts the answers, and judges each by what holds
for all of them."""

import json
import re
import socket
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Final

_TIMEOUT_SECONDS: Final = 60.0
_MOST_FINDINGS: Final = 20  # of one kind
# What no answer may tell: that there was an exception, and where files lie.
_LEAK: Final = re.compile(
    rb"Traceback|site-packages|\.py\b|BENTOML_HOME|/models/fashion|PROMETHEUS_MULTIPROC"
)

NO_ANSWER: Final = 0  # in place of a status: the server closed the connection


@dataclass(frozen=True)
class Request:
    """One request, as it goes over the wire."""

    method: str
    target: str  # path and query
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """The request in HTTP/1.1; Host and Content-Length are added."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: fuzz"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


@dataclass
class Findings:
    """What was answered, by where the request came from, and everything that should not have been."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    complaints: dict[str, list[str]] = field(default_factory=dict)

    @property
    def num_requests(self) -> int:
        """How many requests were sent."""
        return self.answers.total()

    def count(self, source: str, status: int) -> None:
        """Count one request of `source`."""
        self.answers[source, status] += 1

    def complain(self, what: str, example: str) -> None:
        """Note something wrong, with a request that shows it."""
        examples = self.complaints.setdefault(what, [])
        if len(examples) < _MOST_FINDINGS:
            examples.append(example[:2000])


class Target:
    """A server, and one connection to it that is made anew whenever the server closes it."""

    def __init__(self, port: int, findings: Findings) -> None:
        self.port = port
        self.findings = findings
        self._connection: socket.socket | None = None

    def send(self, source: str, request: Request) -> int:
        """Send a well-formed request, judge the answer, and return its status."""
        status, headers, body = self._exchange(request)
        self.findings.count(source, status)
        told = f"{request.method} {request.target} {request.headers} {request.body[:300]!r}"
        if status == NO_ANSWER:
            self.findings.complain(f"{source}: no answer to well-formed HTTP", told)
        else:
            self._judge(source, status, headers, body, told)
        return status

    def send_raw(self, source: str, data: bytes) -> int:
        """Send bytes that may be no HTTP at all, on a connection of their own; the first answer's status."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_TIMEOUT_SECONDS) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                received = _receive_all(connection)
        except OSError:
            received = b""
        match = re.match(rb"HTTP/1\.1 (\d{3}) ", received)
        status = int(match[1]) if match else NO_ANSWER
        self.findings.count(source, status)
        if status >= 500 or _LEAK.search(received):
            self.findings.complain(f"{source}: {status}", repr(data[:500]))
        return status

    def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        data = request.to_bytes()
        for _ in range(2):  # the server may have closed a connection that was kept open
            try:
                if self._connection is None:
                    self._connection = socket.create_connection(
                        ("127.0.0.1", self.port), timeout=_TIMEOUT_SECONDS
                    )
                self._connection.sendall(data)
                response = HTTPResponse(self._connection, method=request.method)
                response.begin()
                body = response.read()
                headers = {name.lower(): value for name, value in response.getheaders()}
                if response.will_close:
                    self.close()
                return response.status, headers, body
            except (OSError, HTTPException):
                self.close()
        return NO_ANSWER, {}, b""

    def _judge(self, source: str, status: int, headers: dict[str, str], body: bytes, told: str) -> None:
        if status >= 500:
            self.findings.complain(f"{source}: {status}", f"{told} -> {body[:300]!r}")
        if "x-request-id" not in headers or "x-content-type-options" not in headers:
            self.findings.complain(f"{source}: an answer without the common headers", told)
        if status >= 400 and body and not _is_error_body(body):
            self.findings.complain(f"{source}: an error body of another form", f"{told} -> {body[:300]!r}")
        if status >= 400 and _LEAK.search(body):
            self.findings.complain(f"{source}: an answer that tells too much", f"{told} -> {body[:300]!r}")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_error_body(body: bytes) -> bool:
    try:
        error = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        return False
    return isinstance(error, str) or error.keys() == {"code", "message", "field"}  # a sentence under /v2


def _receive_all(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < 2**20 and (piece := connection.recv(65536)):
        received += piece
    return received
