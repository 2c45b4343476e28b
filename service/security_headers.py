"""The headers that tell a browser what it may not do with an answer (OWASP's REST and HTTP header cheat
sheets).

An answer of the interface is data: nothing of it may run, be framed, be guessed to be of another type, or be
kept. The page at / may run the scripts that this server sends along, and no other: BentoML's page names a
third party's, which counts its visitors, and browsers leave that out by the policy below.
"""

from typing import Final

from service.routes import Route

_EVERYWHERE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
API_HEADERS: Final = (
    *_EVERYWHERE,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
PAGE_HEADERS: Final = (
    *_EVERYWHERE,
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
            b"img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self'; "
            b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"cache-control", b"no-cache"),
)


_API_LINES: Final = b"".join([b"%b: %b\r\n" % header for header in API_HEADERS])
_PAGE_LINES: Final = b"".join([b"%b: %b\r\n" % header for header in PAGE_HEADERS])


def header_lines(route: Route) -> bytes:
    """The same as they go over the wire."""
    return _PAGE_LINES if route.is_page else _API_LINES


def security_headers(route: Route) -> tuple[tuple[bytes, bytes], ...]:
    """The headers of every answer of `route`, refusals included."""
    return PAGE_HEADERS if route.is_page else API_HEADERS
