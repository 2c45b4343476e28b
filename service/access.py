"""What an operator says about who may ask, looked at before any worker starts, and with little imported for
it."""

import re
from dataclasses import dataclass
from typing import Final

from fashion.errors import InvalidValue
from service.cors import CrossOrigin
from service.keys import KeyRing
from service.settings import Settings

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE: Final = re.compile(rf"([1-9]\d{{0,8}})/({'|'.join(_SECONDS)})")


@dataclass(frozen=True)
class Rate:
    """`requests` in `seconds`: so many at once, and as many again in the course of that time."""

    requests: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """From `100/minute` and the like. Raises InvalidValue."""
        found = _RATE.fullmatch(text)
        if not found:
            raise InvalidValue(
                "FASHION_RATE_LIMIT must be requests and a time, such as 100/second or 5000/hour; "
                f"got '{text}'"
            )
        return cls(int(found[1]), _SECONDS[found[2]])


def check_access(settings: Settings) -> None:
    """Raise InvalidValue for keys, a rate or origins that cannot be used."""
    KeyRing.of(settings)
    CrossOrigin(settings.cors_origins)
    if settings.rate_limit is not None:
        Rate.parse(settings.rate_limit)
