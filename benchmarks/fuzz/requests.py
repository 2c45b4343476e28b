"""Requests that are well-formed HTTP and nothing else for certain: hypothesis' strategies, one a source."""

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from benchmarks.fuzz.pictures import changed, pictures, samples
from benchmarks.fuzz.target import Request
from benchmarks.fuzz.tensors import HEADER_LENGTH, tensors
from benchmarks.fuzz.values import JSON, Strategy, base64_text, numbers, to_json, valid_values, values

_PICTURE_ROUTES: Final = ("/classify", "/encode", "/reconstruct")
_ROUTES: Final = (
    *_PICTURE_ROUTES,
    "/generate",
    "/models",
    "/livez",
    "/readyz",
    "/healthz",
    "/metrics",
    "/docs.json",
    "/schema.json",
    "/",
    "/static_content/index.css",
    "/v2",
    "/v2/health/ready",
    "/v2/models/fashion-classifier",
    "/v2/models/fashion-classifier/infer",
    "/v2/models/fashion-vae-encoder/infer",
    "/nothing",
)

_options = st.sampled_from(
    [
        "model",
        "prepare",
        "explain",
        "count",
        "label",
        "seed",
        "temperature",
        "latents",
        "columns",
        "images",
        "x",
    ]
)
_latents = st.lists(st.lists(numbers, min_size=30, max_size=34) | values, max_size=3)


def _query(pairs: list[tuple[str, Any]]) -> str:
    if not pairs:
        return ""
    text = "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass")
    return "?" + "".join(chr(byte) if _is_plain(byte) else f"%{byte:02X}" for byte in text)


def _is_plain(byte: int) -> bool:
    return 0x21 <= byte < 0x7F and byte != ord("#")


_queries = st.lists(st.tuples(_options, values | valid_values), max_size=3).map(_query)
_few_queries = st.sampled_from([""] * 8 + ["?explain=true", "?prepare=none", "?model=stable"]) | _queries
_accepts = st.sampled_from([()] * 8 + [(("Accept", kind),) for kind in ("image/png", "*/*", "text/html")])


def raw_pictures() -> Strategy[Request]:
    """Spoiled pictures as raw bodies."""
    types = st.sampled_from(["image/png", "image/jpeg", "image/*", "application/octet-stream"])
    return st.builds(
        lambda path, query, kind, accept, body: Request(
            "POST", path + query, (("Content-Type", kind), *accept), body
        ),
        st.sampled_from(_PICTURE_ROUTES),
        _few_queries,
        types,
        _accepts,
        pictures(),
    )


def json_bodies() -> Strategy[Request]:
    """JSON of the right shape and the wrong one, and such that is not quite JSON any more."""
    images = st.lists(pictures().map(base64_text) | st.text(max_size=30), max_size=4) | values
    objects = st.builds(
        lambda options, more: options | more,
        st.dictionaries(_options, values | valid_values, max_size=4),
        st.one_of(
            st.just({}),
            st.builds(lambda value: {"images": value}, images),
            st.builds(lambda value: {"latents": value}, _latents),
        ),
    )
    bodies = st.one_of(objects.map(to_json), changed(objects.map(to_json)), values.map(to_json))
    return st.builds(
        lambda path, query, accept, body: Request("POST", path + query, (JSON, *accept), body),
        st.sampled_from((*_PICTURE_ROUTES, "/generate", "/generate")),
        _few_queries,
        _accepts,
        bodies,
    )


def multipart_bodies() -> Strategy[Request]:
    """Forms: of good parts, of odd parts, and with bytes changed."""
    names = st.one_of(st.just("images"), _options, st.text(max_size=10))
    contents = st.one_of(pictures(), st.sampled_from(samples()), values.map(to_json), st.binary(max_size=50))
    heads = st.sampled_from(
        ["", "\r\nContent-Type: image/png", '; filename="a.png"', "\r\nX: y", ";", '; name="x"']
    )
    part = st.builds(
        lambda name, head, content: (
            f'--B\r\nContent-Disposition: form-data; name="{name}"{head}\r\n\r\n'.encode(
                "utf-8", "surrogatepass"
            )
            + content
            + b"\r\n"
        ),
        names,
        heads,
        contents,
    )
    forms = st.lists(part, max_size=4).map(lambda parts: b"".join(parts) + b"--B--\r\n")
    types = st.sampled_from(
        ["multipart/form-data; boundary=B"] * 8
        + ["multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="B"; x']
    )
    return st.builds(
        lambda path, kind, body: Request("POST", path, (("Content-Type", kind),), body),
        st.sampled_from(_PICTURE_ROUTES),
        types,
        forms | changed(forms),
    )


def odd_heads() -> Strategy[Request]:
    """Any method, any path and query, and headers that mean something with values that do not."""
    names = st.sampled_from(
        [
            "Accept",
            "Content-Type",
            "Content-Encoding",
            "X-Request-ID",
            "Authorization",
            "X-API-Key",
            "Origin",
            "Access-Control-Request-Method",
            "Expect",
            "Connection",
            "Upgrade",
            "TE",
            "Range",
            "If-None-Match",
            "X-Forwarded-For",
            "Forwarded",
            "Cookie",
            "traceparent",
            "tracestate",
            "Bentoml-Name",
            "Args",
            "Host",
            "If-Modified-Since",
            "Via",
            "X-HTTP-Method-Override",
            HEADER_LENGTH,
        ]
    )
    texts = st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60
    )
    meant = st.sampled_from(
        [
            "application/json",
            "image/png;q=0",
            "gzip",
            "*/*",
            "multipart/form-data; boundary=B",
            "Bearer x",
            "bytes=0-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "-1",
            "99999999999999999999",
            "nan",
            "h2c",
            "application/vnd.bentoml+pickle",
            "keep-alive, Upgrade",
            "a" * 5000,
        ]
    )
    headers = st.lists(st.tuples(names, texts.map(str.strip) | meant), max_size=5).map(tuple)
    methods = st.sampled_from(
        ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]
    )
    paths = st.one_of(
        st.sampled_from(_ROUTES),
        st.sampled_from(
            [
                "/%2e%2e/etc/passwd",
                "/static_content/../../x",
                "/static_content/%00",
                "//",
                "/%ff",
                "/classify/submit",
                "/v2/models/%2F/infer",
                "/v2/repository/index",
                "/debug",
                "/admin",
            ]
        ),
        st.text(
            st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#? "), max_size=30
        ).map(lambda text: "/" + text),
    )
    return st.builds(
        Request, methods, st.builds(str.__add__, paths, _queries), headers, st.binary(max_size=100)
    )


def spoiled_http() -> Strategy[bytes]:
    """Requests whose bytes were changed: no HTTP any more, or other than was meant."""
    return changed(st.one_of(odd_heads(), multipart_bodies(), json_bodies()).map(Request.to_bytes))


WELL_FORMED: Final[dict[str, Callable[[], Strategy[Request]]]] = {
    "pictures": raw_pictures,
    "json": json_bodies,
    "multipart": multipart_bodies,
    "heads": odd_heads,
    "tensors": tensors,
}
