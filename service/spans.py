"""The spans of requests, sent to a collector by OTLP over HTTP: one for each request, and one inside it for
each stage. Imported only where tracing is on.

The exporter works in a thread of its own and keeps a bounded queue: a collector that is slow or gone costs
spans and never an answer. Sampling, resource attributes and headers follow OpenTelemetry's own OTEL_*
variables.
"""

import os
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.exchange import Exchange, Scope

_NAME: Final = "fashion-service"
# With every retry, and so about as long as a worker that ends waits for a collector that is gone.
_EXPORT_SECONDS: Final = 3
# What monitoring asks every few seconds would drown what users ask.
_NOT_TRACED: Final = frozenset(
    {"/livez", "/readyz", "/healthz", "/metrics", "/v2/health/live", "/v2/health/ready"}
)
_CONTEXT_HEADERS: Final = ("traceparent", "tracestate")


class Spans:
    """Begins the spans of requests, and sends them when they have ended."""

    def __init__(self, endpoint: str) -> None:
        """Send to the collector whose base address is `endpoint`, at /v1/traces, as OpenTelemetry has it."""
        named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        resource = Resource.create({} if named else {SERVICE_NAME: _NAME})
        timeout = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else _EXPORT_SECONDS
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=timeout)
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_NAME)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, exchange: Exchange, scope: Scope) -> "Drawing | None":
        """Begin the span of a request, inside the client's own if its traceparent names one."""
        if scope["path"] in _NOT_TRACED:
            return None
        carrier = {
            name: exchange.headers[name.encode()].decode("latin-1")
            for name in _CONTEXT_HEADERS
            if name.encode() in exchange.headers
        }
        time_of_day = time.time_ns() - _nanoseconds(time.perf_counter())
        span = self._tracer.start_span(
            scope["method"],
            context=self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            start_time=time_of_day + _nanoseconds(exchange.started),
        )
        exchange.trace_id = format_trace_id(span.get_span_context().trace_id)
        if not span.is_recording():  # the client's trace, or this service's sampler, leaves it out
            return None
        exchange.timeline = []
        return Drawing(self._tracer, span, time_of_day)

    def close(self) -> None:
        """Send what is still queued."""
        self._provider.shutdown()


@dataclass(frozen=True, slots=True)
class Drawing:
    """The span of one request, until it ends; `time_of_day` is what makes nanoseconds since 1970 of those of
    perf_counter."""

    tracer: Tracer
    span: Span
    time_of_day: int

    def end(self, exchange: Exchange, method: str) -> None:
        """End the span of a request that has been answered, and draw its stages."""
        self.span.update_name(f"{method} {exchange.route.path}")
        self.span.set_attributes(_attributes(exchange, method))
        if exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.span.set_status(Status(StatusCode.ERROR))
        self._draw_stages(exchange)
        self.span.end(self.time_of_day + _nanoseconds(time.perf_counter()))

    def _draw_stages(self, exchange: Exchange) -> None:
        """One span for each stage, from its first to its last moment: several pictures are decoded and
        prepared in turns, so the seconds that were spent in it are told beside."""
        spent: dict[str, tuple[float, float]] = {}
        for stage, began, ended in list(exchange.timeline or ()):  # a job given up may still add to it
            first, _ = spent.get(stage, (began, ended))
            spent[stage] = first, ended
        inside = set_span_in_context(self.span)
        for stage, (began, ended) in spent.items():
            child = self.tracer.start_span(
                stage, context=inside, start_time=self.time_of_day + _nanoseconds(began)
            )
            child.set_attribute("fashion.seconds", exchange.stages[stage])
            child.end(self.time_of_day + _nanoseconds(ended))


def _attributes(exchange: Exchange, method: str) -> dict[str, str | int]:
    """What is told of a request: never its body, its key, its path or its query."""
    told: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": exchange.route.path,
        "http.response.status_code": int(exchange.status),
        "http.request.body.size": exchange.held.bytes,
        "http.response.body.size": exchange.bytes_out,
        "fashion.request_id": exchange.request_id.decode(),
        "fashion.pictures": exchange.num_pictures,
        "fashion.model": exchange.model,
        "fashion.prepared_as": exchange.prepared_as,
        "error.type": exchange.refusal.code if exchange.refusal else "",
    }
    return {name: value for name, value in told.items() if value != ""}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
