"""One connection, below HTTP: uvicorn's protocol, with bounds on what uvicorn leaves unbounded.

uvicorn waits for ever for a request's first byte, for the rest of its headers, for the rest of a body that
was refused, and for a client that does not read its answer; and headers may be of any size. Whoever wants to
hold a server needs no more. Idle connections it ends after five seconds, be it under a request that has
arrived. The bounds are here, because no ASGI application sees any of it (docs/decisions/0303).
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from http import HTTPStatus
from typing import Any, Final

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import metrics
from service.direct import EXTENSION, Direct
from service.exchange import new_request_id
from service.refusals import Refusal, invalid_request, overloaded, request_timeout, too_large
from service.routes import OTHER
from service.security_headers import API_HEADERS
from service.settings import settings

# Chunks, trailers and the rest of a refused body are read and dropped, but not without end.
_WIRE_BYTES_PER_BODY_BYTE: Final = 4
# Until the loop has read what arrived before an idle connection's time was over: it reads between timers.
_LAST_LOOK_SECONDS: Final = 0.01


def guard_connections() -> None:
    """Have uvicorn, where nobody chose a protocol, make its connections of this one."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{Connection.__name__}"


class Connection(HttpToolsProtocol):
    """A connection that is closed when its client takes more time or more room than the settings allow."""

    cycle: Any  # the latest request, None before the first: uvicorn declares neither
    connections: Any  # all of this worker, of uvicorn's every protocol as far as its types know
    timeout_keep_alive: Any  # seconds; an int there

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._settings = settings()
        self.timeout_keep_alive = self._settings.keep_alive_seconds
        self._wait: TimerHandle | None = None
        self._waits_after: object = None  # the request before the one that is waited for
        self._head_bytes = 0
        self._wire_bytes = 0
        self._unread: TimerHandle | None = None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope["extensions"] = {EXTENSION: Direct(cycle, self.tasks)}
        super()._start_asgi_task(cycle, app)

    # What a client may keep us waiting for: the first request, the rest of a request's headers, the rest of a
    # body whose answer is given. The wait is over when the headers of the next request are complete.

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # asyncio hands out Transports
        """Count the connection, and wait for its first request."""
        super().connection_made(transport)
        if len(self.connections) > self._settings.max_connections and not self._replaces_an_idle_one():
            self._refuse(overloaded(f"{len(self.connections) - 1} connections are open already: try again"))
            return
        self._wait_for_a_request(self._settings.head_timeout_seconds)

    def _replaces_an_idle_one(self) -> bool:
        """Close the connection that has been idle for longest; False where none is."""
        idle = [one for one in self.connections if one.is_idle]
        if not idle:
            return False
        min(idle, key=lambda one: one.timeout_keep_alive_task.when()).transport.close()
        return True

    @property
    def is_idle(self) -> bool:
        """Whether all requests were answered, and not a byte of another has come."""
        return self.timeout_keep_alive_task is not None and not self.transport.is_closing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, unless a request is there that the loop was too busy to read."""
        self.timeout_keep_alive_task = self.loop.call_later(
            _LAST_LOOK_SECONDS, super().timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Parse `data`, and see how far the request has come by it."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._wire_bytes += len(data)
        cycle = self.cycle
        if cycle is not None and self._is_over(cycle):
            self._stop_waiting()
            self._keep_alive()
            return
        if cycle is None or self.scope is not cycle.scope:
            self._head_continues(len(data))
        elif cycle is not self._waits_after:
            self._head_arrived(cycle)
        elif self._wire_bytes > _WIRE_BYTES_PER_BODY_BYTE * self._settings.max_body_bytes:
            self._refuse(too_large("The request is longer than any that is answered"))

    def _is_over(self, cycle: Any) -> bool:
        """Whether the rest of a body has come whose answer was given before, and nothing after it."""
        idle = self.timeout_keep_alive_task is not None
        return cycle.response_complete and not cycle.more_body and self.scope is cycle.scope and not idle

    def _keep_alive(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_message_complete(self) -> None:
        """Note the end of a body, of one that is not needed any more too."""
        super().on_message_complete()
        self.cycle.more_body = False

    def _head_continues(self, num_bytes: int) -> None:
        if self._head_bytes == 0:  # of the first piece, all but a byte may be the end of a body before it
            self._wait_for_a_request(self._settings.head_timeout_seconds)
            num_bytes = 1
        self._head_bytes += num_bytes
        if self._head_bytes > self._settings.max_head_bytes:
            self._refuse(too_large(f"The headers must be at most {self._settings.max_head_bytes:,} bytes"))

    def _head_arrived(self, cycle: object) -> None:
        self._waits_after = cycle
        self._head_bytes = self._wire_bytes = 0
        self._stop_waiting()

    def on_response_complete(self) -> None:
        """Go on to the next request; a body that is still coming may come for as long as any body may."""
        super().on_response_complete()
        cycle = self.cycle
        if cycle.more_body and cycle.response_complete and not self.transport.is_closing():
            self._wait_for_a_request(self._settings.receive_timeout_seconds)

    def _wait_for_a_request(self, seconds: float) -> None:
        self._stop_waiting()
        self._wait = self.loop.call_later(seconds, self._waited_too_long, seconds)

    def _stop_waiting(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    def _waited_too_long(self, seconds: float) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(request_timeout(seconds))
        else:  # it came behind a request that is being answered
            self._wait_for_a_request(seconds)

    # What a client may leave unread.

    def pause_writing(self) -> None:
        """Note that the client does not keep up with its answer; it may, for a while."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._settings.send_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that it does."""
        super().resume_writing()
        self._read_on()

    def _read_on(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._unset_keepalive_if_required()  # which uvicorn leaves to its end where a client broke off
        self._stop_waiting()
        self._read_on()
        super().connection_lost(exc)

    # What uvicorn would answer in words of its own.

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(invalid_request("This is not HTTP/1.1 as RFC 9112 has it"))

    def _should_upgrade_to_ws(self) -> bool:
        return False  # the service has no WebSocket: the request is answered as if it had not asked for one

    def _unsupported_upgrade_warning(self) -> None:
        pass

    def _refuse(self, refusal: Refusal) -> None:
        """Answer where no request could be made of what came, and close; a request that came whole before it
        is answered first."""
        self._stop_waiting()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False  # so that its answer closes
            self.flow.pause_reading()
            return
        in_turn = cycle is None or not (cycle.response_started or self.pipeline)  # or it would be another's
        if in_turn or cycle.response_complete:
            self.transport.write(_answer(refusal))
            metrics.refused(OTHER.path, refusal)
        self.transport.close()


def _answer(refusal: Refusal) -> bytes:
    status, body = HTTPStatus(refusal.status), refusal.body()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-request-id": new_request_id().decode(),
        **{name.decode(): value.decode() for name, value in API_HEADERS},
        **{name.lower(): value for name, value in refusal.headers.items()},
        "connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode() + body
