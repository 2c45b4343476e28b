"""Open-loop load: every request is sent when its time has come, whether or not earlier ones were answered.

People do not wait for each other. A closed loop does: while a server stalls, it sends nothing, and so never
learns what the stall would have cost (coordinated omission). Here a latency counts from the moment at which
the request was due, not from the one at which a connection was free for it.

It shares the machine with the server it measures, so it is a plain loop around select(2): no framework, no
object for each request. By itself:
`python -m benchmarks.open_loop http://localhost:3000/classify --body shoe.png --rate 200`
"""

import argparse
import gc
import json
import random
import select
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from benchmarks.load import Load, percentile

_GRACE_SECONDS = 1.0  # for the last answers; what is still missing then counts as an error
_LONGEST_WAIT_SECONDS = 0.1


def arrivals(rate: float, seconds: float, seed: int = 0) -> list[float]:
    """When requests are due, in seconds from the start: a Poisson process, the same for the same seed."""
    draw = random.Random(seed)
    times: list[float] = []
    time = draw.expovariate(rate)
    while time < seconds:
        times.append(time)
        time += draw.expovariate(rate)
    return times


class _Connection:
    """A kept-alive connection with at most one request on its way."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.due = 0.0
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(self._address)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._socket.sendall(request)

    def receive(self) -> int | None:
        """Read what has come: the answer's status once it is whole, 0 where the connection broke."""
        try:
            piece = self._socket.recv(262_144)
        except OSError:
            piece = b""
        if not piece:
            self.close()
            self._open()
            return 0
        self._received += piece
        status = whole_answer(self._received)
        if status is not None:
            self._received = b""
        return status

    def close(self) -> None:
        self._socket.close()


def whole_answer(received: bytes) -> int | None:
    """The status of an HTTP/1.1 answer, None while a part of it is missing."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = received[:head_end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        return int(head[9:12]) if len(received) >= head_end + 4 + length else None
    if b"\r\ntransfer-encoding: chunked" in head:
        return int(head[9:12]) if received.endswith(b"0\r\n\r\n") else None
    return int(head[9:12])


class _Run:
    """One load as it goes: what is due, which connections are free, and what was answered."""

    def __init__(
        self, connections: Sequence[_Connection], requests: Sequence[bytes], times: Sequence[float]
    ) -> None:
        self._idle = deque(connections)
        self._busy: dict[int, _Connection] = {}
        self._requests = cycle(requests)
        self._times = times
        self._next = 0
        self._waiting: deque[float] = deque()
        self.answered: list[float] = []  # seconds from due to answered
        self.late: list[float] = []  # seconds from due to noticed
        self.errors = 0

    def go(self) -> None:
        """Send everything, wait for the answers, and count what did not come as an error."""
        began = perf_counter()
        end = self._times[-1] + _GRACE_SECONDS
        while (now := perf_counter() - began) < end and (self._next < len(self._times) or self._busy):
            self._send(now)
            due = self._times[self._next] if self._next < len(self._times) else end
            self._receive(min(max(due - (perf_counter() - began), 0.0), _LONGEST_WAIT_SECONDS), began)
        missing = [connection.due for connection in self._busy.values()] + list(self._waiting)
        self.errors += len(missing)
        self.answered += [now - due for due in missing]

    def _send(self, now: float) -> None:
        while self._next < len(self._times) and self._times[self._next] <= now:
            self._waiting.append(self._times[self._next])
            self.late.append(now - self._times[self._next])
            self._next += 1
        while self._waiting and self._idle:
            connection = self._idle.popleft()  # the longest idle, as if many clients were there
            due = self._waiting.popleft()
            with suppress(OSError):  # the server has closed it meanwhile: reading tells, and opens another
                connection.send(next(self._requests), due)
            self._busy[connection.fileno()] = connection

    def _receive(self, timeout: float, began: float) -> None:
        readable, _, _ = select.select(list(self._busy), (), (), timeout)
        now = perf_counter() - began
        for number in readable:
            connection = self._busy[number]
            status = connection.receive()
            if status is None:
                continue
            del self._busy[number]
            self._idle.append(connection)
            self.answered.append(now - connection.due)
            self.errors += not 0 < status < 400


def drive(
    url: str,
    bodies: Sequence[bytes],
    content_type: str,
    *,
    rate: float,
    seconds: float,
    connections: int = 64,
) -> Load:
    """Load `url` with `rate` requests/s on average, of `bodies` in turn, for `seconds`, and report."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    head = f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {content_type}\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    opened = [_Connection((host, port)) for _ in range(connections)]
    run = _Run(opened, requests, arrivals(rate, seconds) or [0.0])
    gc.collect()
    gc.disable()
    try:
        run.go()
    finally:
        gc.enable()
        for connection in opened:
            connection.close()
    taken = sorted(1e3 * latency for latency in run.answered)
    return Load(
        requests=len(taken),
        requests_per_second=(len(taken) - run.errors) / seconds,
        p50=percentile(taken, 0.5),
        p99=percentile(taken, 0.99),
        p999=percentile(taken, 0.999),
        worst=taken[-1],
        errors=run.errors,
        late=1e3 * percentile(sorted(run.late), 0.99),
    )


def drive_apart(url: str, bodies: Sequence[bytes], content_type: str, *, rate: float, seconds: float) -> Load:
    """`drive` in a process of its own, which nothing else of the benchmark disturbs."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(len(bodies))]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body)
        command = [sys.executable, "-m", __name__, url, "--body", *map(str, files)]
        command += ["--content-type", content_type, "--rate", str(rate), "--seconds", str(seconds)]
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root)
    return Load(**json.loads(done.stdout))


def main() -> None:
    """Load one address from the command line, and print the report as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.open_loop", description="Open-loop HTTP load."
    )
    parser.add_argument("url", help="where to POST")
    parser.add_argument(
        "--body", type=Path, nargs="+", required=True, help="files with the bodies of the requests, in turn"
    )
    parser.add_argument("--content-type", default="image/png")
    parser.add_argument("--rate", type=float, required=True, help="requests/s on average")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    load = drive(
        options.url,
        [file.read_bytes() for file in options.body],
        options.content_type,
        rate=options.rate,
        seconds=options.seconds,
        connections=options.connections,
    )
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
