"""What the log says of requests: their id in every record that is made while one is being answered, and, if
the operator wants it, one line of JSON for each.

A line goes to standard output in one write, so that those of several workers never mix; one that cannot be
written, to a full disk say, is lost and harms no request. Nothing of a body, a key, a path or a query string
is in it.
"""

import contextlib
import json
import logging
import os
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final

from service.exchange import Exchange

_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_STANDARD_OUTPUT: Final = 1  # the file descriptor
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*"
)

request_id: Final[ContextVar[bytes]] = ContextVar("request_id", default=b"")


def name_requests_in_log() -> None:
    """From now on every record made while a request is being answered ends with the request's id."""
    make = logging.getLogRecordFactory()
    if isinstance(make, _NamingRequests):
        return
    logging.setLogRecordFactory(_NamingRequests(make))


class _NamingRequests:
    """A factory of log records around another."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*arguments, **named)
        if answered := request_id.get():
            # A well-formed id holds no %, so the message's own arguments still fit.
            record.msg = f"{record.msg} [request {answered.decode()}]"
        return record


def access_line(exchange: Exchange, method: str) -> str:
    """What there is to say of a request that has been answered, as one line of JSON."""
    said = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": exchange.request_id.decode(),
        "method": method[:20],
        "route": exchange.route.path,
        "status": int(exchange.status),
        "seconds": round(perf_counter() - exchange.started, 6),
        "bytes_in": exchange.held.bytes,
        "bytes_out": exchange.bytes_out,
        "pictures": exchange.num_pictures,
        "model": exchange.model or None,
        "prepared_as": exchange.prepared_as or None,
        "trace_id": exchange.trace_id or _trace_id_of_client(exchange) or None,
        "refusal": exchange.refusal.code if exchange.refusal else None,
    }
    return f"{_JSON.encode(said)}\n"


def write_access_line(exchange: Exchange, method: str) -> None:
    """Write a request's line to standard output."""
    with contextlib.suppress(OSError):
        os.write(_STANDARD_OUTPUT, access_line(exchange, method).encode())


def _trace_id_of_client(exchange: Exchange) -> str:
    """The trace that the client's traceparent names (W3C Trace Context), empty where there is none."""
    match = _TRACEPARENT.fullmatch(exchange.headers.get(b"traceparent", b""))
    return match[1].decode() if match else ""
