"""Which other sites' pages may ask from a browser: none, unless the operator names their origins.

Keys travel in headers and there are no cookies, so credentials mode is never allowed, and `*` is as safe as
the keys are (Fetch standard, "CORS protocol").
"""

import re
from collections.abc import Mapping
from typing import Final

from fashion.errors import InvalidValue
from service.routes import Route

Headers = tuple[tuple[bytes, bytes], ...]

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")
_MAY_SEND: Final = b"Accept, Authorization, Content-Type, X-API-Key, X-Request-ID, traceparent, tracestate"
_MAY_READ: Final = b"Retry-After, WWW-Authenticate, X-Request-ID"
_REMEMBERED_SECONDS: Final = b"600"
_VARY: Final = (b"vary", b"Origin")


class CrossOrigin:
    """What answers say to pages of other origins."""

    def __init__(self, origins: str) -> None:
        """From origins between commas, or `*`; empty for none. Raises InvalidValue for what is no origin."""
        named = [origin.strip() for origin in origins.split(",") if origin.strip()]
        for origin in named:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise InvalidValue(
                    f"FASHION_CORS_ORIGINS: '{origin}' is no origin: write https://name or "
                    "https://name:port, in lower case and without a path, or * for all"
                )
        self._all = "*" in named
        self._named = frozenset(origin.encode() for origin in named)

    def headers(self, request: Mapping[bytes, bytes]) -> Headers:
        """What the answer to `request` carries; nothing where no origin is allowed."""
        if not self._named:
            return ()
        origin = request.get(b"origin")
        if origin is None or not (self._all or origin in self._named):
            return () if self._all else (_VARY,)
        allowed = (b"access-control-allow-origin", b"*" if self._all else origin)
        exposed = (b"access-control-expose-headers", _MAY_READ)
        return (allowed, exposed) if self._all else (allowed, exposed, _VARY)

    def preflight(self, request: Mapping[bytes, bytes], route: Route) -> Headers | None:
        """What answers a browser that asks by OPTIONS whether it may ask; None for any other such request.

        A page of an origin that is not allowed gets no such answer, as if there were none for anybody.
        """
        asks = b"access-control-request-method" in request
        allowed = self.headers(request)
        if not asks or len(allowed) < 2:
            return None
        return (
            (b"access-control-allow-methods", ", ".join(route.methods).encode()),
            (b"access-control-allow-headers", _MAY_SEND),
            (b"access-control-max-age", _REMEMBERED_SECONDS),
        )
