"""Ports for servers that are started here."""

import random
import socket
from pathlib import Path
from typing import Final

_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000
_ATTEMPTS: Final = 100


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at, from below those that the system hands out by itself.

    `bentoml serve` is told the service's port, then lets the system choose two for its own talk, and listens
    at all three later. Where both draw from the same range they now and then draw the same, and it does not
    start.

    Raises OSError where none of a hundred is free.
    """
    lowest_of_the_system = int(_RANGE_FILE.read_text().split()[0]) if _RANGE_FILE.exists() else 32_768
    for _ in range(_ATTEMPTS):
        port = random.randrange(_LOWEST, max(lowest_of_the_system, _LOWEST + 1))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of {_ATTEMPTS} ports from {_LOWEST} to {lowest_of_the_system} is free")
