"""Which origins are allowed, as the operator writes them."""

import pytest

from fashion.errors import InvalidValue
from service.cors import CrossOrigin
from service.routes import ROUTES

SHOP = {b"origin": b"https://shop.example"}
PREFLIGHT = {b"access-control-request-method": b"POST"}


def test_nobody_is_allowed_by_default():
    closed = CrossOrigin("")
    assert closed.headers(SHOP) == ()
    assert closed.preflight(SHOP | PREFLIGHT, ROUTES["/classify"]) is None


def test_a_named_origin_is_told_back_and_another_is_not():
    named = CrossOrigin("https://shop.example, http://localhost:8080")
    assert (b"access-control-allow-origin", b"https://shop.example") in named.headers(SHOP)
    for other in (
        b"https://evil.example",
        b"https://shop.example.evil.example",
        b"http://shop.example",
        b"null",
    ):
        assert named.headers({b"origin": other}) == ((b"vary", b"Origin"),)
    assert named.headers({}) == ((b"vary", b"Origin"),)


def test_a_star_allows_all_and_needs_no_vary():
    headers = dict(CrossOrigin("*").headers(SHOP))
    assert headers[b"access-control-allow-origin"] == b"*"
    assert b"vary" not in headers


def test_credentials_are_never_allowed():
    for origins in ("*", "https://shop.example"):
        opened = CrossOrigin(origins)
        names = {name for name, _ in opened.headers(SHOP)}
        names |= {name for name, _ in opened.preflight(SHOP | PREFLIGHT, ROUTES["/classify"]) or ()}
        assert b"access-control-allow-methods" in names
        assert b"access-control-allow-credentials" not in names


@pytest.mark.parametrize(
    "origins", ["shop.example", "https://shop.example/", "https://*.example", "null", "https://Shop.example"]
)
def test_what_is_no_origin_is_refused_at_the_start(origins: str):
    with pytest.raises(InvalidValue, match="is no origin"):
        CrossOrigin(origins)
