"""Ports for servers that are started here."""

import random
import socket
from typing import Final

_LOWEST: Final = 10_000
_BEYOND: Final = 32_768  # from here on Linux hands out ports by itself; others do from 49,152 on
_ATTEMPTS: Final = 100


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at, from below those that the system hands out by itself.

    `bentoml serve` is told the service's port, then lets the system choose two for its own talk, and listens
    at all three later. Where both draw from the same range they now and then draw the same, and it does not
    start.

    Raises OSError where none of a hundred is free.
    """
    for _ in range(_ATTEMPTS):
        port = random.randrange(_LOWEST, _BEYOND)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of {_ATTEMPTS} ports from {_LOWEST} to {_BEYOND - 1} is free")
