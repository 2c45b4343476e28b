"""How often one client may ask: a token bucket each, in a file that all workers of a server share.

The file lies in the folder that BentoML makes for the workers of one server and empties at every start, so
the limit holds for all of them together; replicas count for themselves. Without such a folder (tests, one
process) the same table lies in memory.

A bucket is one number, the time at which it is full again (the generic cell rate algorithm, ITU-T I.371):
a bucket that is full already says nothing, and its place is free for the next client. The table therefore
never grows, whoever asks.
"""

import fcntl
import hashlib
import ipaddress
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from service.access import Rate
from service.metric_files import reserve
from service.refusals import Refusal

_BUCKET: Final = struct.Struct("=Qd")  # who, and the monotonic time at which the bucket is full again
_WAYS: Final = 8  # places that one client's bucket may have
_SETS: Final = 2048
_TABLE_BYTES: Final = _SETS * _WAYS * _BUCKET.size
_FILE_NAME: Final = "rate-limit.buckets"


class RateLimit:
    """The buckets of all clients."""

    def __init__(self, rate: Rate, folder: Path | None, clock: Callable[[], float] = monotonic) -> None:
        """Share buckets through a file in `folder`; keep them in this process where it is None."""
        self._rate = rate
        self._seconds_each = rate.seconds / rate.requests
        self._clock = clock
        self._file = None if folder is None else _shared_file(folder / _FILE_NAME)
        self._table = mmap.mmap(-1 if self._file is None else self._file, _TABLE_BYTES)

    def take(self, client: str) -> None:
        """Take one request out of the client's bucket; raises the refusal of one that finds it empty."""
        digest = hashlib.blake2b(client.encode(), digest_size=16).digest()
        who, row = struct.unpack("=QQ", digest)
        with self._alone():
            wait = self._take(who or 1, row % _SETS)
        if wait > 0:
            limit = f"{self._rate.requests} in {self._rate.seconds} s"
            raise Refusal(
                "rate_limited",
                f"You may send {limit}: try again in {math.ceil(wait)} s",
                headers={"Retry-After": str(math.ceil(wait))},
            )

    def _take(self, who: int, row: int) -> float:
        """How many seconds are missing; 0 where a request was taken."""
        now = self._clock()
        place, full_at = self._find(who, row, now)
        full_at = max(full_at, now) + self._seconds_each
        wait = full_at - now - self._rate.seconds
        if wait > 1e-9:
            return wait
        _BUCKET.pack_into(self._table, place, who, full_at)
        return 0.0

    def _find(self, who: int, row: int, now: float) -> tuple[int, float]:
        """The place of the client's bucket, or the one to take for it: the one that is full soonest."""
        first = row * _WAYS * _BUCKET.size
        best, soonest = first, math.inf
        for place in range(first, first + _WAYS * _BUCKET.size, _BUCKET.size):
            owner, full_at = _BUCKET.unpack_from(self._table, place)
            if owner == who:
                return place, full_at
            if full_at < soonest:
                best, soonest = place, full_at
        return best, now

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other workers out for the microsecond that it takes; a worker's death lets them in."""
        if self._file is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file; it goes with its folder."""
        self._table.close()
        if self._file is not None:
            os.close(self._file)


def _shared_file(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    reserve(file, _TABLE_BYTES)
    return file


def network_of(address: str) -> str:
    """Who stands behind an address: an IPv6 client has a whole /64, so that is what is counted."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
