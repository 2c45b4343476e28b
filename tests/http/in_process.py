"""An ASGI application run in this process, in an event loop of a thread of its own, lifespan and all."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="in-process", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Transport(httpx.BaseTransport):
    """Lets a synchronous client talk to the application."""

    def __init__(self, app: Any, loop: Loop) -> None:
        self.app = app
        self.loop = loop
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=True)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()  # a body made as it is sent becomes one that can be sent from the other thread
        return self.loop.run(self._handle(request))

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@contextmanager
def served(app: Any) -> Iterator[httpx.Client]:
    """A client of `app`, between its startup and its shutdown."""
    loop = Loop()
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    lifespan = asyncio.run_coroutine_threadsafe(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.get, outbox.put), loop.loop
    )

    def announce(event: str) -> None:
        loop.run(inbox.put({"type": f"lifespan.{event}"}))
        answer = loop.run(outbox.get())
        assert answer["type"] == f"lifespan.{event}.complete", answer

    announce("startup")
    try:
        with httpx.Client(transport=Transport(app, loop), base_url="http://in-process") as client:
            yield client
    finally:
        announce("shutdown")
        lifespan.result(10)
        loop.close()
