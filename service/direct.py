"""A short cut between the server and the guard, for a request that is here as a whole: its body at once, and
its answer in one write.

ASGI hands both over in messages of dictionaries, by coroutines, and uvicorn looks through every header of
every answer. For a small picture that takes longer than decoding it (docs/decisions/0109). The connection
offers this among the scope's extensions, which is ASGI's place for what a server can do beyond the standard;
wherever it does not fit, or is not offered, messages are sent as ever. It also tells whether anybody else is
there.
"""

from collections.abc import Sized
from typing import Any, Final

EXTENSION: Final = "fashion.direct"


class Direct:
    """The short cut of one request: `cycle` is uvicorn's state of it, `tasks` are the worker's requests."""

    __slots__ = ("_cycle", "_tasks")

    def __init__(self, cycle: Any, tasks: Sized) -> None:
        self._cycle = cycle
        self._tasks = tasks

    @property
    def is_alone(self) -> bool:
        """Whether this worker has no other request, be it one whose task has not begun yet; one that waits
        for this one's connection does not count."""
        return len(self._tasks) == 1

    def body(self) -> bytes | None:
        """The body, as `receive` would give it, if the whole of it is here; None where it must be waited
        for."""
        cycle = self._cycle
        if cycle.more_body or cycle.disconnected or cycle.waiting_for_100_continue:
            return None
        body = bytes(cycle.body)
        cycle.body = bytearray()
        cycle.message_event.clear()  # what `receive` waits for from now on is the end of the connection
        return body

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send a 200 with the header lines `head`, and go on to the next request; False where messages must
        do it, and then nothing was sent."""
        cycle = self._cycle
        if cycle.response_started or cycle.disconnected or not cycle.keep_alive or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if cycle.transport.is_closing():  # nobody is left to read it
            return True
        own = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])  # the date
        cycle.transport.write(b"HTTP/1.1 200 OK\r\n%b%b\r\n%b" % (own, head, body))
        cycle.message_event.set()
        cycle.on_response()
        return True
