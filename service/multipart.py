"""multipart/form-data, parsed in one pass over a body that is already in memory (RFC 7578, RFC 2046 section
5.1).

A streaming parser calls back for every piece of every part, which costs more than a small picture's
inference; here the body is bounded and whole, so that finding the delimiters is all there is to do.
"""

import re
from typing import Final, NamedTuple

from service.refusals import echo, invalid_request, too_large

_MAX_PART_HEADER_BYTES: Final = 8 * 1024
_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s";,]{1,70}))(?:\s*;|\s*$)', re.IGNORECASE)
_DISPOSITION: Final = re.compile(
    rb"(?:^|\r\n)content-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)", re.IGNORECASE
)
# One parameter: a quoted string with backslash escapes, as in name="a \"b\"", or a bare token.
_PARAMETER: Final = re.compile(rb';[ \t]*([^\s=;"]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))')


# How all the clients that we know begin a part.
_USUAL_START: Final = b'Content-Disposition: form-data; name="'


class Part(NamedTuple):
    """One part: the name of its field, and its content."""

    name: str
    content: bytes


def boundary_of(content_type: str) -> bytes:
    """The boundary that a multipart Content-Type names; refused where it names none."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise invalid_request("A multipart/form-data body needs a boundary in its Content-Type")
    return (found[1] or found[2]).encode("latin-1")


def parse_multipart(body: bytes, boundary: bytes, *, max_parts: int) -> list[Part]:
    """The parts of `body`, in order; refused where it is malformed or has more than `max_parts`."""
    delimiter = b"\r\n--" + boundary
    # The first delimiter may stand at the very start, without the line break that belongs to the others.
    start = len(delimiter) - 2 if body.startswith(delimiter[2:]) else _after(body, delimiter, 0)
    parts: list[Part] = []
    while not _is_last(body, start):
        start = _skip_line_break(body, start)
        end = body.find(delimiter, start - 2)  # a part without headers or content shares its line break
        if end < 0:
            raise _malformed("its last part is not closed by the boundary")
        if len(parts) == max_parts:
            raise too_large(f"A multipart body may have at most {max_parts} parts", field="images")
        parts.append(_part(body, start, end, len(parts)))
        start = end + len(delimiter)
    return parts


def _after(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(delimiter, start)
    if found < 0:
        raise _malformed("its boundary does not occur in it")
    return found + len(delimiter)


def _is_last(body: bytes, start: int) -> bool:
    return body.startswith(b"--", start)


def _skip_line_break(body: bytes, start: int) -> int:
    end = body.find(b"\r\n", start)
    if end < 0 or body[start:end].strip(b" \t"):  # RFC 2046 lets spaces follow a boundary
        raise _malformed("a boundary is not followed by a line break")
    return end + 2


def _part(body: bytes, start: int, end: int, index: int) -> Part:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _MAX_PART_HEADER_BYTES + 4))
    if head_end < 0:
        raise _malformed(f"part {index + 1} has no end of its headers")
    name = _usual_name(body, start, head_end)
    if name is None and (disposition := _DISPOSITION.search(body[start:head_end])):
        name = _name(disposition[1])
    if name is None:
        raise _malformed(f"part {index + 1} has no Content-Disposition: form-data with a name")
    try:
        return Part(name.decode(), body[head_end + 4 : end])
    except UnicodeDecodeError:
        raise invalid_request(f"A field name must be UTF-8, not {echo(name.decode('latin-1'))}") from None


def _usual_name(body: bytes, start: int, end: int) -> bytes | None:
    """The name in a part's headers where they are written as usual, which takes a fifth of the time of a look
    at everything that they may say; None where they are not."""
    if not body.startswith(_USUAL_START, start):
        return None
    begin = start + len(_USUAL_START)
    quote = body.find(b'"', begin, end)
    name = body[begin:quote] if quote > begin else b""
    return name if name.isalnum() else None


def _name(parameters: bytes) -> bytes | None:
    for key, quoted, token in _PARAMETER.findall(parameters):
        if key.lower() == b"name":
            return re.sub(rb"\\(.)", rb"\1", quoted) if quoted else token
    return None


def _malformed(reason: str) -> Exception:
    return invalid_request(f"The body is not multipart/form-data: {reason}")
