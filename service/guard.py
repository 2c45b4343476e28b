"""The outermost layer: every request passes here first and every answer last, BentoML's own included.

It settles what can be settled without the body (route, method, API key, size, media type, what the client
accepts, room in the queue), turns whatever goes wrong further in into the one error body, gives every answer
its X-Request-ID, and tells the metrics about it.
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from service import metrics
from service.accept import wants_png
from service.admission import Admission, Held
from service.cors import CrossOrigin, Headers
from service.draining import Draining
from service.exchange import SCOPE_KEY, Exchange, Receive, Scope, Send
from service.gate import Gate
from service.observation import Observation
from service.receiving import ClientGone, body_too_large
from service.refusals import Refusal, internal, invalid_request, not_ready, refusal_of
from service.routes import Route, find_route
from service.security_headers import header_lines, security_headers
from service.settings import Settings

logger = logging.getLogger(__name__)

ASGIApp = Any


class Guard:
    """An ASGI application around BentoML's, and around the endpoints that compute, each by its path."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, ASGIApp], settings: Settings) -> None:
        self._app = app
        self._endpoints = endpoints
        self._settings = settings
        self._admission = Admission(settings.max_requests_held, settings.max_bytes_held)
        self._draining = Draining(settings.drain_seconds)
        self._gate = Gate(settings)
        self._observation = Observation(settings)
        self._cross_origin = CrossOrigin(settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever else a server announces (its lifespan) goes through."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange.of(scope, receive, Held(self._admission))
        outlet = Outlet(exchange, send, self._draining, self._cross_origin.headers(exchange.headers))
        drawing = self._observation.begin(exchange, scope)
        metrics.REQUESTS_IN_PROGRESS.value += 1
        try:
            await self._answer(exchange, scope, receive, outlet)
        except ClientGone:
            return
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.exception("A request failed")
            await outlet.refuse(refusal)
        finally:
            scope.pop(SCOPE_KEY, None)  # or scope and exchange would keep each other
            metrics.answered(exchange, scope["method"])
            self._observation.end(drawing, exchange, scope["method"])
            metrics.REQUESTS_IN_PROGRESS.value -= 1

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._draining.watch()
        try:
            await self._app(scope, receive, send)
        finally:
            self._draining.close()
            self._gate.close()
            await asyncio.to_thread(self._observation.close)

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, outlet: "Outlet") -> None:
        route = exchange.route = find_route(scope["path"])
        if scope["method"] == "OPTIONS":
            preflight = self._cross_origin.preflight(exchange.headers, route)
            if preflight is not None:
                await outlet.send_empty(preflight)
                return
        route.check_method(scope["method"])
        self._gate.check(route, scope, exchange.headers)
        if route.computes:
            self._check_headers(exchange, route)
            scope[SCOPE_KEY] = exchange
            with exchange.held:
                await self._endpoints[route.path](scope, receive, outlet)
        elif route.tells_readiness and self._draining.begun:
            raise self._draining.refusal()
        elif endpoint := self._endpoints.get(route.path):
            scope[SCOPE_KEY] = exchange
            await endpoint(scope, receive, outlet)
        else:
            await self._app(scope, receive, outlet)
            if outlet.foreign_error:
                raise foreign_refusal(outlet.foreign_error)

    def _check_headers(self, exchange: Exchange, route: Route) -> None:
        length = exchange.content_length
        if length is not None and length > self._settings.max_body_bytes:
            raise body_too_large(self._settings.max_body_bytes)
        route.check_media_type(exchange.media_type, has_body=length != 0)
        if exchange.headers.get(b"content-encoding", b"identity") != b"identity":
            raise Refusal(
                "unsupported_media_type",
                "The body must not be compressed: send it without Content-Encoding",
            )
        if accept := exchange.headers.get(b"accept"):
            exchange.wants_png = wants_png(accept.decode("latin-1"), route)


class Outlet:
    """The way out: adds what every answer carries, and holds back errors that are not of our own form."""

    def __init__(self, exchange: Exchange, send: Send, draining: Draining, cross_origin: Headers) -> None:
        self._exchange = exchange
        self._send = send
        self._draining = draining
        self._cross_origin = cross_origin
        self._started = False
        self.foreign_error: int | None = None

    async def __call__(self, message: Any) -> None:
        """Send one of the inner application's messages, unless it is of an error."""
        if message["type"] == "http.response.start":
            if message["status"] >= HTTPStatus.BAD_REQUEST:
                self.foreign_error = message["status"]
                return
            self._exchange.status = message["status"]
            self._started = True
            message["headers"] = [*message["headers"], *self._common_headers()]
        if not self.foreign_error:
            self._exchange.bytes_out += len(message.get("body", b""))
            await self._send(message)

    async def answer(self, body: bytes, media_type: str) -> None:
        """Answer 200 with a whole body: in one write where the server lets us, else by two messages."""
        exchange = self._exchange
        if exchange.direct and not self._cross_origin and not self._draining.headers:
            head = b"content-length: %d\r\ncontent-type: %b\r\nx-request-id: %b\r\n%b" % (
                len(body),
                media_type.encode(),
                exchange.request_id,
                header_lines(exchange.route),
            )
            if exchange.direct.answer(head, body):
                self._started = True
                exchange.status, exchange.bytes_out = HTTPStatus.OK, len(body)
                return
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", media_type.encode())]
        await self({"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": headers})
        await self({"type": "http.response.body", "body": body})

    async def send_empty(self, headers: Headers) -> None:
        """Answer 204 with `headers` alone."""
        start = {
            "type": "http.response.start",
            "status": HTTPStatus.NO_CONTENT.value,
            "headers": list(headers),
        }
        await self(start)
        await self({"type": "http.response.body", "body": b""})

    def _common_headers(self) -> Headers:
        return (
            (b"x-request-id", self._exchange.request_id),
            *security_headers(self._exchange.route),
            *self._cross_origin,
            *self._draining.headers,
        )

    async def refuse(self, refusal: Refusal) -> None:
        """Send the error body; where an answer has begun already, all that is left is to break it off."""
        if self._started:
            raise refusal
        self._exchange.status = refusal.status
        self._exchange.refusal = refusal
        body = refusal.protocol_body() if self._exchange.in_protocol else refusal.body()
        self._exchange.bytes_out = len(body)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *self._common_headers(),
            *((name.lower().encode(), value.encode()) for name, value in refusal.headers.items()),
        ]
        await self._send({"type": "http.response.start", "status": refusal.status.value, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def foreign_refusal(status: int) -> Refusal:
    """What stands for an error answer of BentoML's own, whose bodies have another form."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return not_ready("The models are not loaded, or did not pass their probes: the log tells why")
    if status == HTTPStatus.NOT_FOUND:
        return Refusal("not_found", "There is no such file")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return invalid_request(HTTPStatus(status).phrase)
    return internal()
