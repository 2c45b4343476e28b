"""Bringing the dataset's files into the cache: resumable, atomic, and from more than one address.

Bytes are gathered in `<name>.part`, which a cut connection or a Ctrl-C leaves for the next attempt to go on
from. The file takes its name only after its MD5 was right, so a file under its own name is a whole one.
"""

import fcntl
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from fashion.errors import DownloadError
from training.idx import IdxFile, md5_of
from training.locations import FASHION_MNIST_ADDRESSES, FASHION_MNIST_SETTING

MAX_ATTEMPTS_PER_ADDRESS = 20
CONNECT_TIMEOUT_SECONDS = 10.0
SILENCE_TIMEOUT_SECONDS = 30.0
"""How long a connection may bring nothing before it counts as cut."""


class _UnusableAddressError(Exception):
    """What an address answers cannot become the published file; asking it again is of no use."""


def download(
    files: Sequence[IdxFile],
    folder: Path,
    *,
    addresses: Sequence[str] = FASHION_MNIST_ADDRESSES,
    console: Console | None = None,
) -> None:
    """Make sure that every one of `files` lies in `folder`, whole; fetch those that do not.

    addresses: tried in this order for each file; the file's name is appended. A part that one address brought
        is completed by the next, since the MD5 judges the whole.
    console: where the progress is shown; standard error by default, so that output stays usable in a pipe.

    Two processes may call this for the same folder: the second waits for the first.

    Raises:
        DownloadError: a file came from none of the addresses, or the folder cannot be written.
    """
    try:
        if all(_is_published(folder / file.name, file) for file in files):
            return
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder), _progress(console) as progress, _client() as client:
            for file in files:
                if not _is_published(folder / file.name, file):
                    _fetch(client, file, folder, addresses, progress)
    except OSError as error:
        raise DownloadError(
            f"{folder} cannot be used for the download: {error}. Make room there, or set XDG_CACHE_HOME to a "
            f"folder that can be written."
        ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
    )


def _client() -> httpx.Client:
    return httpx.Client(
        follow_redirects=True,
        timeout=httpx.Timeout(SILENCE_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        # The system's certificates rather than httpx's own bundle: company proxies are trusted there.
        verify=ssl.create_default_context(),
    )


def _fetch(
    client: httpx.Client, file: IdxFile, folder: Path, addresses: Sequence[str], progress: Progress
) -> None:
    part = folder / f"{file.name}.part"
    task = progress.add_task(file.name, total=file.num_bytes)
    failures = []
    for address in addresses:
        try:
            for num_bytes in _fill(client, address + file.name, file, part):
                progress.update(task, completed=num_bytes)
        except (httpx.TransportError, httpx.TooManyRedirects, _UnusableAddressError) as error:
            failures.append(f"\n  {address}{file.name}: {str(error) or type(error).__name__}")
            continue
        part.replace(folder / file.name)
        return
    raise DownloadError(
        f"{file.name} could not be downloaded: expected {file.num_bytes:,} bytes with MD5 {file.md5}. "
        f"Tried:{''.join(failures)}\n"
        f"Check the network (a proxy is read from HTTP_PROXY and HTTPS_PROXY), or get the files on another "
        f"machine and name their folder with --data or {FASHION_MNIST_SETTING}."
    )


def _fill(client: httpx.Client, address: str, file: IdxFile, part: Path) -> Iterator[int]:
    """Bring `part` to the published file, through cut connections, yielding its length in bytes as it grows.

    An attempt that is cut before it brought anything new is the last: the address is down, not slow.
    """
    for _ in range(MAX_ATTEMPTS_PER_ADDRESS):
        before = _length(part)
        if before < file.num_bytes:
            try:
                yield from _append(client, address, file, part)
            except httpx.TransportError:
                if _length(part) <= before:
                    raise
                continue
        if _is_published(part, file):
            return
        found = f"{_length(part):,} bytes with MD5 {md5_of(part.read_bytes())}"
        part.unlink()
        if before == 0:
            raise _UnusableAddressError(f"delivered {found}")
        # The fault may lie in what was there before this address was asked: ask it for the whole file.
    raise _UnusableAddressError(f"was cut {MAX_ATTEMPTS_PER_ADDRESS} times")


def _append(client: httpx.Client, address: str, file: IdxFile, part: Path) -> Iterator[int]:
    """Request what is missing and write it; a server without ranges sends all, which replaces the part."""
    start = _length(part)
    # "identity": a server that compresses on the way would hand out other bytes than those of the MD5.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", address, headers=headers) as response:
        if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise _UnusableAddressError(f"answered {response.status_code} {response.reason_phrase}")
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            start = 0
        elif not (came := response.headers.get("Content-Range", "")).startswith(f"bytes {start}-"):
            raise _UnusableAddressError(f"answered the range {came!r}, asked for bytes {start}-")
        with part.open("ab" if start else "wb") as out:
            for chunk in response.iter_raw():
                start += out.write(chunk)
                yield start
                if start > file.num_bytes:
                    break


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _is_published(path: Path, file: IdxFile) -> bool:
    return _length(path) == file.num_bytes and md5_of(path.read_bytes()) == file.md5
