"""Clients of the service on raw connections, and what became of each of their requests."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Literal

Outcome = Literal["answered", "refused", "lost", "no connection"]

ANSWER_SECONDS = 60.0
_REQUESTS_A_CONNECTION = 50  # then a client connects anew, as others come in real life


@dataclass(frozen=True)
class Sent:
    """One request and its end. `status` is 0 where no whole answer came."""

    at: float  # by time.monotonic
    seconds: float
    status: int
    model: str = ""
    connected: bool = True
    error: str = ""  # what ended the connection, where no whole answer came

    @property
    def outcome(self) -> Outcome:
        """What became of it; 429 is a refusal, any other status an answer."""
        if not self.connected:
            return "no connection"
        if self.status == 0:
            return "lost"
        return "refused" if self.status == 429 else "answered"


@dataclass
class Load:
    """Everything that was sent in one measurement."""

    sent: list[Sent] = field(default_factory=list)

    def outcomes(self) -> dict[str, int]:
        """How many requests ended how."""
        return dict(Counter(one.outcome for one in self.sent))

    def statuses(self) -> dict[int, int]:
        """How many answers of each status."""
        return dict(Counter(one.status for one in self.sent if one.status))

    def failed(self) -> list[Sent]:
        """Whatever was not answered with 200 or refused with 429."""
        return [one for one in self.sent if one.status not in (200, 429)]

    def failures(self) -> str:
        """How many of them, and with which statuses, or with what error where no answer came."""
        counts = Counter(one.error or one.status for one in self.failed())
        return ", ".join(f"{number} x {what}" for what, number in counts.items()) or "0"

    def quantile_ms(self, share: float) -> float:
        """A quantile of the time to an answer of 200, in milliseconds; 0 where there was none."""
        times = sorted(one.seconds for one in self.sent if one.status == 200)
        return round(times[min(int(share * len(times)), len(times) - 1)] * 1e3, 1) if times else 0.0


class Connection:
    """One keep-alive connection, opened when needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> Sent:
        """Send one request, wait for its answer, and tell what became of it."""
        at = time.monotonic()
        for _ in range(2):
            fresh = self._streams is None
            try:
                reader, writer = self._streams = self._streams or await self._open()
            except OSError:
                return Sent(at, time.monotonic() - at, 0, connected=False, error="no connection")
            try:
                writer.write(request)
                async with asyncio.timeout(ANSWER_SECONDS):
                    status, model, stays = await _read_answer(reader)
            except (OSError, EOFError, TimeoutError) as error:
                self.close()
                # A connection that the server closed while it was idle is no loss: any client asks again.
                if not fresh and isinstance(error, _NothingCame):
                    continue
                return Sent(at, time.monotonic() - at, 0, error=type(error).__name__)
            if not stays:
                self.close()
            return Sent(at, time.monotonic() - at, status, model)
        return Sent(at, time.monotonic() - at, 0, error="closed before any answer, twice")

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self._port), ANSWER_SECONDS)

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        if self._streams:
            self._streams[1].close()
            self._streams = None


class _NothingCame(EOFError):
    """The connection ended in good order before the first byte of an answer."""


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, str, bool]:
    """Status, the model that the body names, and whether the connection stays."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise (EOFError if error.partial else _NothingCame) from None
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    status = int(lines[0].split(" ", 2)[1])
    model = json.loads(body).get("model", "") if status == 200 and body.startswith(b'{"model"') else ""
    return status, model, headers.get("connection") != "close"


@contextlib.asynccontextmanager
async def closed_loop(port: int, requests: Sequence[bytes], connections: int) -> AsyncIterator[Load]:
    """Keep `connections` connections busy, each with one request after the other, as long as it is open."""
    load, over = Load(), False

    async def client(own: Sequence[bytes]) -> None:
        connection = Connection(port)
        for number, request in enumerate(cycle(own), 1):
            if over:
                break
            load.sent.append(await connection.send(request))
            if number % _REQUESTS_A_CONNECTION == 0:
                connection.close()
            if not load.sent[-1].connected:
                await asyncio.sleep(0.02)
        connection.close()

    clients = [
        asyncio.create_task(
            client([*requests[number % len(requests) :], *requests[: number % len(requests)]])
        )
        for number in range(connections)
    ]
    try:
        yield load
    finally:
        over = True
        await asyncio.gather(*clients)


async def open_loop(
    port: int, requests: Sequence[bytes], *, rate: float, seconds: float, max_connections: int
) -> tuple[Load, int]:
    """Send at `rate` a second whether answers come or not; also how many could not be sent, because all
    connections waited."""
    load, unsent = Load(), 0
    free = [Connection(port) for _ in range(max_connections)]
    running: set[asyncio.Task[None]] = set()

    async def one(connection: Connection, request: bytes) -> None:
        load.sent.append(await connection.send(request))
        free.append(connection)

    began, number, source = time.monotonic(), 0, cycle(requests)
    while (now := time.monotonic()) < began + seconds:
        while number < (now - began) * rate:
            number += 1
            if not free:
                unsent += 1
                continue
            task = asyncio.create_task(one(free.pop(), next(source)))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(0.001)
    await asyncio.gather(*running)
    for connection in free:
        connection.close()
    return load, unsent


async def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for `condition`, and tell how long it took; infinity where it did not come true."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            return float("inf")
        await asyncio.sleep(0.02)
    return time.monotonic() - began
