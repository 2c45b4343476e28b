"""A picture as base64 text, as people send it: with line breaks, with data:image/…;base64, before it, or with
the escapes of a careful JSON writer. Never a URL to fetch, and never a path to read.

Decoding holds the interpreter's lock, so a long text is decoded in pieces.
"""

import binascii
import re
from typing import Any, Final

from service.json_body import LongText
from service.refusals import Refusal, echo, invalid_request

_WHITE_SPACE: Final = b" \t\r\n"
# What JSON writers escape of base64's characters (PHP the slash, .NET the plus, Gson the equals) and of
# white space.
_ESCAPE: Final = re.compile(rb"\\(?:(/)|u00(2[bB]|2[fF]|3[dD])|[nrt])")
_PIECE: Final = 1024 * 1024  # characters, a multiple of four


def from_base64(image: Any, index: int) -> bytes:
    """The bytes behind the text `images[index]`; refused where it is anything but base64."""
    where = f"images[{index}]"
    if not isinstance(image, str):
        raise invalid_request(f"{where} must be a base64 string; got {echo(image)}", field=where)
    text = _text(image, where)
    if text.startswith(b"data:"):
        head, _, text = text.partition(b",")
        if not (head.startswith(b"data:image/") and head.endswith(b";base64")):
            raise invalid_request(
                f"{where} must begin with data:image/…;base64, or be base64 alone", field=where
            )
    try:
        return _decode(text)
    except binascii.Error as error:
        raise _no_base64(image, where, str(error)) from None


def _text(image: str, where: str) -> bytes:
    """The characters of the text, all ASCII, without JSON's escapes."""
    if isinstance(image, LongText):
        return _ESCAPE.sub(_unescaped, image.raw) if b"\\" in image.raw else image.raw
    try:
        return image.encode("ascii")
    except UnicodeEncodeError as error:
        raise _no_base64(image, where, str(error)) from None


def _unescaped(escape: re.Match[bytes]) -> bytes:
    slash, code = escape.groups()
    return slash or (bytes.fromhex(code.decode()) if code else b"")


def _decode(text: bytes) -> bytes:
    """What all pieces give together; raises binascii.Error as decoding the whole would."""
    if len(text) <= _PIECE:
        return binascii.a2b_base64(text.translate(None, _WHITE_SPACE), strict_mode=True)
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    if any(b"\n" in piece or b" " in piece or b"\r" in piece or b"\t" in piece for piece in pieces):
        text = b"".join(piece.translate(None, _WHITE_SPACE) for piece in pieces)
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    if any(piece.endswith(b"=") for piece in pieces[:-1]):
        raise binascii.Error("Excess data after padding")
    return b"".join(binascii.a2b_base64(piece, strict_mode=True) for piece in pieces)


def _no_base64(image: str, where: str, reason: str) -> Refusal:
    return invalid_request(
        f"{where} must be a picture as base64, and {echo(image)} is not ({reason}); "
        "URLs are not fetched and paths are not read",
        field=where,
    )
