"""JSON bodies: long strings are lifted out and put back where they stood, and what is too much is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.base64_text import from_base64
from service.json_body import MAX_VALUES, LongText, parse_json
from service.refusals import Refusal

LONG = 5000

long_texts = st.builds(
    lambda start, filler, end: start + filler * (LONG // len(filler)) + end,
    st.text(max_size=5),
    st.sampled_from(["A", "ab\\", '"', "\\", "/", "ä", "-Infinity", "},{", "x\n"]),
    st.text(max_size=5),
)
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
    )
    | long_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def put_back(value: Any) -> Any:
    """The value with every lifted string as the text that it says."""
    if isinstance(value, LongText):
        return json.loads(b'"' + value.raw + b'"')
    if isinstance(value, dict):
        return {key: put_back(inner) for key, inner in value.items()}
    return [put_back(inner) for inner in value] if isinstance(value, list) else value


def holds_long_text(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, LongText) or any(map(holds_long_text, inner))


@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_lifting_changes_no_value(document: dict[str, Any], ascii_only: bool, indent: int | None):
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse_json(body) == document
    assert put_back(parse_json(body, lift=True)) == document


def test_a_picture_is_lifted():
    picture = base64.b64encode(bytes(LONG)).decode()
    made = parse_json(json.dumps({"images": [picture, "short"], "explain": True}).encode(), lift=True)
    assert holds_long_text(made)
    assert made["images"][1] == "short"


@pytest.mark.parametrize(
    "body",
    [
        '{"images": ["' + "A" * LONG + '", -Infinity]}',
        '{"images": [-Infinity, "' + "A" * LONG + '"]}',
        '{"images": [NaN, "' + "A" * LONG + '"]}',
        '{"images": ["' + "A" * LONG,
        '{"images": ["' + "A" * LONG + "\\",
        '{"images": ["' + "A" * LONG + '\n"]}',
        '{"a": "' + "A" * LONG + '", "a": 1}',
        '["' + "A" * LONG + '"]',
        '"' + "A" * LONG + '"',
        '{"images": ["' + "A" * LONG + '" "' + "A" * LONG + '"]}',
        "\\" * 100_000 + '"',
        '{"a": "' + "\\" * 100_001 + '"}',
        '"' * 100_001,
    ],
)
def test_what_is_no_json_without_lifting_is_none_with_it(body: str):
    for lift in (False, True):
        with pytest.raises(Refusal) as refused:
            parse_json(body.encode(), lift=lift)
        assert refused.value.code == "invalid_request"


def test_a_key_as_long_as_a_picture_is_refused_where_pictures_are():
    with pytest.raises(Refusal, match="is not JSON"):
        parse_json(b'{"' + b"A" * LONG + b'": 1}', lift=True)


def test_a_body_of_too_many_values_is_refused_before_it_is_read():
    most = b'{"a":[' + b"0," * (MAX_VALUES - 1) + b"0]}"
    assert len(parse_json(most)["a"]) == MAX_VALUES
    for lift in (False, True):
        with pytest.raises(Refusal, match="at most 300,000 values"):
            parse_json(most.replace(b"[", b"[0,"), lift=lift)


def test_a_body_of_much_else_beside_its_pictures_is_refused():
    body = b'{"images": [' + b" " * 9 * 2**20 + b'"' + b"A" * LONG + b'"]}'
    with pytest.raises(Refusal, match="Beside its pictures") as refused:
        parse_json(body, lift=True)
    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda text: json.dumps("data:image/png;base64," + text),
        lambda text: json.dumps(text).replace("/", "\\/"),  # PHP
        lambda text: json.dumps(text).replace("+", "\\u002B"),  # .NET
        lambda text: json.dumps(text).replace("=", "\\u003d"),  # Gson
        lambda text: json.dumps("\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))),  # MIME
        lambda text: json.dumps("data:image/png;base64," + text).replace("/", "\\/"),
    ],
    ids=["plain", "data", "slash", "plus", "equals", "lines", "data and slash"],
)
@pytest.mark.parametrize("size", [10, LONG, 3 * 2**20 + 1])
def test_base64_is_read_as_writers_of_json_write_it(write: Any, size: int):
    data = bytes(range(256)) * (size // 256) + bytes([251, 255, 191] * 5)[: size % 256]
    text = base64.b64encode(data).decode()
    made = parse_json(b'{"images": [' + write(text).encode() + b"]}", lift=True)
    assert from_base64(made["images"][0], 0) == data


@pytest.mark.parametrize(
    "text",
    [
        "A" * LONG + "\\\\/",
        "A" * LONG + "\\u0041\\u0041",
        "A" * (LONG + 1) + "=",
        "A" * LONG + "ä",
        "A" * (2**20 - 1) + "=" + "A" * 2**20,
        "A" * (2**20 - 4) + "====" + "A" * 2**20,
        "data:text/html;base64," + "A" * LONG,
        "data:image/png;base64" + "A" * LONG,
        "https://example.org/" + "A" * LONG,
    ],
)
def test_a_long_text_that_is_no_base64_is_refused_like_a_short_one(text: str):
    made = parse_json(f'{{"images": ["{text}"]}}'.encode(), lift=True)
    with pytest.raises(Refusal) as refused:
        from_base64(made["images"][0], 0)
    assert refused.value.field == "images[0]"
    assert len(refused.value.message) < 400
