"""What is told of each request beside the metrics: its id in the log, a line of its own, a span; the last two
if the operator wants them."""

from typing import TYPE_CHECKING

from service import request_log
from service.exchange import Exchange, Scope
from service.settings import Settings
from service.tracing import spans_of

if TYPE_CHECKING:
    from service.spans import Drawing


class Observation:
    """Sees every request begin and end."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidValue where traces are asked for and cannot be sent."""
        request_log.name_requests_in_log()
        self._spans = spans_of(settings)
        self._logs_access = settings.access_log == "json"

    def begin(self, exchange: Exchange, scope: Scope) -> "Drawing | None":
        """A request has arrived."""
        request_log.request_id.set(exchange.request_id)
        return self._spans.begin(exchange, scope) if self._spans else None

    def end(self, drawing: "Drawing | None", exchange: Exchange, method: str) -> None:
        """It is answered, and its metrics are counted."""
        if drawing:
            drawing.end(exchange, method)
        if self._logs_access:
            request_log.write_access_line(exchange, method)
        request_log.request_id.set(b"")

    def close(self) -> None:
        """The server ends: send what is still queued."""
        if self._spans:
            self._spans.close()
