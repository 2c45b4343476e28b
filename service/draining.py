"""The end of a worker: SIGTERM first turns its readiness off, and only some seconds later its listening.

uvicorn stops listening as soon as it is told to end, and a load balancer that has not noticed yet goes on
sending requests, which are then refused. Here the worker says that it is not ready, answers whatever still
comes and closes each connection with its answer; after that uvicorn ends it, and waits for what is being
answered.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from service.refusals import Refusal, not_ready

Headers = list[tuple[bytes, bytes]]

logger = logging.getLogger(__name__)


class Draining:
    """Stands between SIGTERM and the server's own handler of it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: asyncio.TimerHandle | None = None
        self.begun = False
        self.headers: Headers = []  # of every answer: from SIGTERM on, the connection closes with it

    def watch(self) -> None:
        """Take over SIGTERM from whoever has it. In another thread than the main one nobody has."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop, server_ends = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def on_signal(number: int, frame: FrameType | None) -> None:
            # A supervisor may send it to the whole group and then to each process: once counts.
            if not self.begun and callable(server_ends):
                self.begun, self.headers = True, [(b"connection", b"close")]
                loop.call_soon_threadsafe(self._begin, lambda: server_ends(number, frame))

        signal.signal(signal.SIGTERM, on_signal)

    def _begin(self, end: Callable[[], object]) -> None:
        logger.info(
            "Told to end: not ready any more, and what comes in the next %g s is answered", self._seconds
        )
        self._end = asyncio.get_running_loop().call_later(self._seconds, end)

    def refusal(self) -> Refusal:
        """What /readyz says meanwhile."""
        return not_ready("This worker is about to end: send requests to another")

    def close(self) -> None:
        """The server ends, for whatever reason."""
        if self._end:
            self._end.cancel()
