"""API keys: who may ask. Off unless the operator names keys, and then nothing that computes or tells about
the service's work is answered without one.

Keys have names, so that a new one can be handed out beside the old one and the metrics tell when nobody uses
the old one any more. Only their digests are kept in memory, and all are compared each time.
"""

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from fashion.errors import InvalidValue
from service.refusals import Refusal
from service.settings import Settings

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_SHORTEST_KEY: Final = 16  # characters: 96 bits where they are drawn from base64's alphabet
_LOOK_AGAIN_SECONDS: Final = 1.0
_CHALLENGE: Final = 'Bearer realm="fashion"'

Digests = Mapping[str, bytes]  # of each key, by the key's name


class KeyRing:
    """The keys that are accepted, and who holds each; a file of them is read again when it has changed."""

    def __init__(self, fixed: Digests, file: Path | None = None) -> None:
        self._fixed = fixed
        self._file = file
        self._digests = fixed
        self._seen: tuple[int, ...] = ()
        self._look_again_at = 0.0
        if file is not None:
            self._read(file)

    @classmethod
    def of(cls, settings: Settings) -> "KeyRing | None":
        """The keys that the settings name, None where they name none.

        Raises InvalidValue for unusable ones.
        """
        if settings.api_keys is None and settings.api_keys_file is None:
            return None
        fixed: Digests = {}
        if settings.api_keys is not None:
            fixed = parse_keys(settings.api_keys.get_secret_value(), "FASHION_API_KEYS")
        return cls(fixed, settings.api_keys_file)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys."""
        return tuple(self._digests)

    def holder(self, headers: Mapping[bytes, bytes]) -> str:
        """The name of the key in `headers`; raises the refusal of a request without one that is known."""
        self._refresh()
        given = _given(headers)
        if given is None:
            raise _unauthorized(
                "An API key is needed: send it as Authorization: Bearer KEY, or as X-API-Key: KEY", _CHALLENGE
            )
        digest, found = hashlib.sha256(given).digest(), None
        for name, known in self._digests.items():  # all of them, so that the time tells nothing
            if hmac.compare_digest(digest, known):
                found = name
        if found is None:
            raise _unauthorized("This API key is not known here", f'{_CHALLENGE}, error="invalid_token"')
        return found

    def _refresh(self) -> None:
        now = monotonic()
        if self._file is None or now < self._look_again_at:
            return
        self._look_again_at = now + _LOOK_AGAIN_SECONDS
        try:
            if _version(self._file) != self._seen:
                self._read(self._file)
                logger.info("API keys were read again: %s", ", ".join(self.names))
        except (OSError, InvalidValue) as error:
            logger.error("API keys stay as they were, since their file cannot be used: %s", error)

    def _read(self, file: Path) -> None:
        seen = _version(file)
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InvalidValue(f"{file} is no UTF-8 text") from None
        read = parse_keys(text, str(file))
        if twice := read.keys() & self._fixed.keys():
            raise InvalidValue(f"{file} names {', '.join(sorted(twice))}, and so does FASHION_API_KEYS")
        self._seen, self._digests = seen, {**self._fixed, **read}


def parse_keys(text: str, source: str) -> dict[str, bytes]:
    """The digests of keys written as `name:key`, between commas or one a line, `#` before remarks.

    Raises InvalidValue, whose message names no key, where there is none or one is unusable.
    """
    entries = [entry.strip() for line in text.splitlines() for entry in line.partition("#")[0].split(",")]
    digests: dict[str, bytes] = {}
    for number, entry in enumerate(filter(None, entries), start=1):
        name, colon, key = (part.strip() for part in entry.partition(":"))
        if not colon or not _NAME.fullmatch(name) or name in digests:
            raise InvalidValue(
                f"{source}: key {number} must be written name:key, with a name of its own of up to 32 "
                "letters, digits, '.', '_' or '-'"
            )
        if len(key) < _SHORTEST_KEY or not key.isascii() or not key.isprintable():
            raise InvalidValue(
                f"{source}: the key of {name} must be at least {_SHORTEST_KEY} printable ASCII characters; "
                "`openssl rand -hex 24` makes a good one"
            )
        digests[name] = hashlib.sha256(key.encode()).digest()
    if not digests:
        raise InvalidValue(f"{source} holds no key: write name:key, or leave it unset to answer everybody")
    return digests


def _version(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _given(headers: Mapping[bytes, bytes]) -> bytes | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer" and token.strip():
        return token.strip()
    return headers.get(b"x-api-key", b"").strip() or None


def _unauthorized(message: str, challenge: str) -> Refusal:
    return Refusal("unauthorized", message, headers={"WWW-Authenticate": challenge})
