"""Rows about the machine: a full disk, and a clock that jumps."""

import asyncio
import contextlib
import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.soak import requests
from benchmarks.soak.client import Load, closed_loop, until
from benchmarks.soak.process_rows import kill
from benchmarks.soak.rows import Row, Settings
from benchmarks.soak.server import serving, temporary_home

METRICS_FOLDER = "prometheus_multiproc_dir"  # BentoML's, in its home
_AT_ONCE = 1.0  # seconds after a kill, within which what it held is lost
_JUMPS_SECONDS = (3600, -3600, 86_400 * 365, 0)


async def full_disk(settings: Settings) -> Row:
    """Nothing can be written: logs go to /dev/full, and the file system of the metrics fills up."""
    row = Row("a full disk (logs, metrics)", "no request fails, killed workers come back")
    with temporary_home(settings.models) as home, _tiny_disk(home / METRICS_FOLDER) as disk:
        if disk is None:
            row.skipped = "mounting a tiny file system takes rights that this user does not have"
            return row
        with Path("/dev/full").open("wb") as nowhere, serving(home, output=nowhere) as server:
            sent = requests.everyday()
            async with closed_loop(server.port, sent, 4) as load:
                await asyncio.sleep(min(settings.seconds / 4, 3.0))
                _fill(disk)
                room_left = shutil.disk_usage(disk).free
                await asyncio.sleep(min(settings.seconds / 4, 3.0))
                survivors = [worker.pid for worker in server.workers()]
                at = time.monotonic()
                for worker in server.workers():
                    worker.kill()
                await asyncio.sleep(0.1)
                back = await until(server.is_ready, 60)
                await asyncio.sleep(min(settings.seconds / 4, 3.0))
            failed = [one for one in load.failed() if not at - 1 <= one.at + one.seconds <= at + _AT_ONCE]
            row.numbers = {
                "room left, bytes": room_left,
                "answered": load.statuses().get(200, 0),
                "lost with killed workers": len(load.failed()) - len(failed),
                "failed": Load(failed).failures(),
                "ready again after both were killed, s": round(back, 1),
                "/metrics": server.get("/metrics")[0],
            }
            row.demand("no request fails", bool(load.sent) and not failed)
            row.demand("writing kills no worker", len(survivors) == 2)
            row.demand("killed workers come back", back < 60 and len(server.workers()) == 2)
            row.demand("metrics are told", server.get("/metrics")[0] == 200)
    return row


@contextlib.contextmanager
def _tiny_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of four mebibytes, None where this user may not mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if not shutil.which("mount") or _fails(command):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def clock_jumps(settings: Settings) -> Row:
    """The wall clock jumps by an hour, back, and by a year, for every process of the server."""
    row = Row("the clock jumps", "no request fails, nothing waits or times out, workers are still replaced")
    with temporary_home(settings.models) as home:
        library = _build_clock(home)
        if library is None:
            row.skipped = "building the clock that jumps takes a C compiler (cc)"
            return row
        offset = home / "clock-offset"
        offset.write_text("0")
        environment = {"LD_PRELOAD": str(library), "SOAK_CLOCK_OFFSET": str(offset)}
        with serving(home, environment=environment) as server:
            seen: list[str] = []
            async with closed_loop(server.port, requests.everyday(), 4) as load:
                for seconds in _JUMPS_SECONDS:
                    offset.write_text(str(seconds))
                    await asyncio.sleep(min(settings.seconds / len(_JUMPS_SECONDS), 3.0))
                    seen.append(_date_of(server.port))
                killed = time.monotonic()
                replaced, back = await kill(server, server.workers()[0])
            failed = [
                one for one in load.failed() if not killed - 1 <= one.at + one.seconds <= killed + _AT_ONCE
            ]
            row.numbers = {
                "jumps": len(_JUMPS_SECONDS),
                "years that answers bore": ", ".join(sorted({date.split()[3] for date in seen})),
                "answered": load.statuses().get(200, 0),
                "failed": Load(failed).failures(),
                "slowest answer, ms": load.quantile_ms(1.0),
                "a killed worker replaced after, s": round(replaced, 2),
            }
            row.demand("the server saw the jumps", len({date.split()[3] for date in seen}) == 2)
            row.demand("no request fails", bool(load.sent) and not failed)
            row.demand("nothing waits", load.quantile_ms(1.0) < 5000)
            row.demand("workers are replaced", replaced < 2 and back < 60)
    return row


def _date_of(port: int) -> str:
    """The Date header of an answer: the clock as the server sees it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/livez", headers={"Connection": "close"})
    date = connection.getresponse().getheader("date") or ""
    connection.close()
    return date


_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* The offset in seconds, read anew each time: a jump reaches every process at once. */
static long offset(void) {
    const char *path = getenv("SOAK_CLOCK_OFFSET");
    FILE *file = path ? fopen(path, "r") : NULL;
    long seconds = 0;
    if (file) { if (fscanf(file, "%ld", &seconds) != 1) seconds = 0; fclose(file); }
    return seconds;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += offset();
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


def _build_clock(folder: Path) -> Path | None:
    """A library that, loaded first, moves the wall clock and leaves the monotonic one."""
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(_CLOCK)
    if not shutil.which("cc"):
        return None
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    return None if _fails(command) else library


def _fails(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode != 0
