"""The multipart parser against two other implementations: httpx writes, python-multipart reads."""

import contextlib
import io
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some
from python_multipart import create_form_parser

from service.multipart import boundary_of, parse_multipart
from service.refusals import Refusal

NAMES = some.text(some.characters(exclude_categories=["C"]), min_size=1, max_size=20)
CONTENTS = some.one_of(some.binary(max_size=100), some.text(alphabet="\r\n-B", max_size=30).map(str.encode))


def read_by_others(body: bytes, content_type: str) -> list[tuple[str, bytes]]:
    read: list[tuple[str, bytes]] = []

    def on_field(field: Any) -> None:
        read.append((field.field_name.decode(), field.value or b""))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        read.append((file.field_name.decode(), file.file_object.read()))

    parser = create_form_parser({"Content-Type": content_type.encode()}, on_field, on_file)
    parser.write(body)
    parser.finalize()
    return read


@given(some.lists(some.tuples(NAMES, CONTENTS), min_size=1, max_size=5))
def test_what_httpx_writes_is_read_back(sent: list[tuple[str, bytes]]):
    files: list[Any] = [(name, ("file", io.BytesIO(content))) for name, content in sent]
    request = httpx.Request("POST", "http://x", files=files)
    body, content_type = request.read(), request.headers["content-type"]
    read = parse_multipart(body, boundary_of(content_type), max_parts=10)
    # httpx writes a quote in a name as %22, as browsers do, and that is how it is read.
    assert [(part.name.replace("%22", '"'), part.content) for part in read] == [
        (name.replace("%22", '"'), content) for name, content in sent
    ]


@given(some.lists(some.tuples(some.sampled_from(["images", "prepare"]), CONTENTS), min_size=1, max_size=5))
def test_it_reads_what_python_multipart_reads(sent: list[tuple[str, bytes]]):
    files: list[Any] = [(name, ("file", content)) for name, content in sent]
    request = httpx.Request("POST", "http://x", files=files)
    body, content_type = request.read(), request.headers["content-type"]
    read = parse_multipart(body, boundary_of(content_type), max_parts=10)
    assert [(part.name, part.content) for part in read] == read_by_others(body, content_type)


STARTS = [b"", b"--B\r\n", b'--B\r\nContent-Disposition: form-data; name="a"']


@given(some.binary(max_size=300), some.sampled_from(STARTS))
def test_any_bytes_are_parts_or_an_invalid_request(body: bytes, start: bytes):
    with contextlib.suppress(Refusal):  # whatever else it raises fails the test
        parse_multipart(start + body, b"B", max_parts=3)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=abc",
        'multipart/form-data; boundary="abc"',
        "multipart/form-data; charset=utf-8; BOUNDARY=abc",
        "multipart/form-data;boundary=abc; charset=utf-8",
    ],
)
def test_a_boundary_is_found_however_it_is_written(content_type: str):
    assert boundary_of(content_type) == b"abc"


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="images"',
        b"form-data; name=images",
        b'form-data; filename="a; name=b"; name="images"',
        b'form-data; NAME="images"; filename="\xc3\xa4.png"',
        b'form-data; name="im\\ages"',
    ],
)
def test_a_name_is_found_however_it_is_written(disposition: bytes):
    body = (
        b"preamble\r\n--B \r\nX-Other: 1\r\nContent-disposition: "
        + disposition
        + b"\r\n\r\ndata\r\n--B--\r\nend"
    )
    (part,) = parse_multipart(body, b"B", max_parts=1)
    assert (part.name, part.content) == ("images", b"data")
