"""A JSON body, read strictly: UTF-8, an object, no key twice, no NaN or infinity, and not nested without
end.

Python's reader holds the interpreter's lock from a body's first byte to its last, in whichever thread it
runs, so what it is given is bounded: so many values, and no long strings. A picture in base64 is lifted out
of the body before, and stays the bytes that it came as until it is decoded.
"""

import json
from typing import Any, Final

from service.refusals import Refusal, echo, invalid_request, too_large

MAX_VALUES: Final = 300_000  # 256 pictures of 28x28 as numbers, and half as many again
_NEVER_TOO_MANY_BYTES: Final = 2 * MAX_VALUES
_LONG: Final = 4096  # bytes of a string that is worth lifting
_MAX_BESIDE: Final = 8 * 1024 * 1024  # bytes of a body beside what is lifted
_SLICE: Final = 1024 * 1024  # bytes that are looked through at once, before other threads get their turn
_LIFTED: Final = "-Infinity"  # stands where a string was: no JSON, but a token of Python's reader
_PREVIEW: Final = 300  # characters: more than any option may have
_MOST_STRINGS: Final = 10_000  # looked at; the strings behind them stay where they are
_MOST_ESCAPES: Final = 64  # backslashes in a row; whoever sends more sends no picture


class LongText(str):
    """A long string of a JSON body: to most its beginning, which is too long already for any option."""

    __slots__ = ("raw",)
    raw: bytes  # what stood between the quotes, escapes and all

    @classmethod
    def of(cls, raw: bytes) -> "LongText":
        """The string that `raw` says."""
        made = cls(raw[:_PREVIEW].decode("latin-1"))
        made.raw = raw
        return made


def parse_json(body: bytes, *, lift: bool = False) -> dict[str, Any]:
    """The object that `body` holds; refused where it is anything else.

    With `lift`, long strings come as LongText, of which the caller takes the bytes.
    """
    rest, lifted = _without_long_strings(body) if lift and len(body) > _LONG else (body, [])
    if len(rest) > _NEVER_TOO_MANY_BYTES:
        _check_size(rest)
    reader = _LiftedReader(lifted) if lifted else _READER
    try:
        value = reader.decode(rest.decode())
    except UnicodeDecodeError:
        raise invalid_request("The body must be JSON in UTF-8") from None
    except RecursionError:
        raise invalid_request("The body is nested too deeply") from None
    except ValueError as error:  # malformed, or a number of thousands of digits
        raise invalid_request(f"The body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise invalid_request(f"The body must be a JSON object, not {echo(value)}")
    return value


class _LiftedReader(json.JSONDecoder):
    """Reads one body, and puts the lifted strings back where they stood."""

    def __init__(self, lifted: list[bytes]) -> None:
        super().__init__(object_pairs_hook=_object, parse_constant=self._constant)
        self._lifted = iter(lifted)

    def decode(self, s: str, *arguments: Any) -> Any:
        """The value; refused where an -Infinity of the sender's own took the place of a string."""
        value = super().decode(s, *arguments)
        if next(self._lifted, None) is not None:
            _no_constant(_LIFTED)
        return value

    def _constant(self, name: str) -> LongText:
        raw = next(self._lifted, None) if name == _LIFTED else None
        return _no_constant(name) if raw is None else LongText.of(raw)


def _without_long_strings(body: bytes) -> tuple[bytes, list[bytes]]:
    """The body with a mark for every long string, and these strings in order."""
    kept: list[bytes] = []
    lifted: list[bytes] = []
    start, opening = 0, body.find(b'"')
    for _ in range(_MOST_STRINGS):
        closing = _closing_quote(body, opening + 1) if opening >= 0 else -1
        if closing < 0:
            break  # no string is left, or the reader tells what is wrong with it
        if closing - opening > _LONG and _may_be_lifted(body, opening + 1, closing):
            kept += (body[start:opening], _LIFTED.encode())
            lifted.append(body[opening + 1 : closing])
            start = closing + 1
        opening = body.find(b'"', closing + 1)
    return b"".join((*kept, body[start:])), lifted


def _closing_quote(body: bytes, start: int) -> int:
    """The quote that ends the string which begins at `start`: the first that is not escaped; -1 for none."""
    end = body.find(b'"', start)
    while end >= 0:
        before = body[max(start, end - _MOST_ESCAPES) : end]
        escapes = len(before) - len(before.rstrip(b"\\"))
        if escapes == _MOST_ESCAPES:
            return -1
        if escapes % 2 == 0:
            return end
        end = body.find(b'"', end + 1)
    return -1


def _may_be_lifted(body: bytes, start: int, end: int) -> bool:
    """Whether a string has none of the characters that JSON forbids and base64 lets pass."""
    return all(body.find(character, start, end) < 0 for character in (b"\n", b"\r", b"\t"))


def _check_size(rest: bytes) -> None:
    if len(rest) > _MAX_BESIDE:
        raise too_large(f"Beside its pictures a JSON body may have {_MAX_BESIDE / 1024**2:g} MiB")
    values = 1
    for start in range(0, len(rest), _SLICE):
        values += rest.count(b",", start, start + _SLICE)
    if values > MAX_VALUES:
        raise too_large(f"A JSON body may hold at most {MAX_VALUES:,} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _key_given_twice(pairs)
    return made


def _key_given_twice(pairs: list[tuple[str, Any]]) -> Refusal:
    seen: set[str] = set()
    twice = ""
    for name, _ in pairs:
        if name in seen:
            twice = name
            break
        seen.add(name)
    return invalid_request(f"The key {echo(twice)} is given twice", field=twice[:80])


def _no_constant(name: str) -> Any:
    raise invalid_request(f"{name} is no number in JSON (RFC 8259)")


_READER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
