"""Rows about processes that die or are told to end."""

import asyncio
import time

import psutil

from benchmarks.soak import requests
from benchmarks.soak.client import Load, Sent, closed_loop, until
from benchmarks.soak.rows import Row, Settings
from benchmarks.soak.server import Server, serving, temporary_home

_AT_ONCE = 1.0  # seconds after a kill, within which what it held is lost
KILL_EVERY_SECONDS = 10.0
MAX_REPLACED_SECONDS = 1.0


async def killed_workers(settings: Settings) -> Row:
    """A worker killed every ten seconds under load."""
    row = Row(
        "a worker killed every 10 s under load",
        f"nothing lost but what it held, another started within {MAX_REPLACED_SECONDS:g} s",
    )
    kills: list[float] = []
    replaced: list[float] = []
    back: list[float] = []
    with temporary_home(settings.models) as home, serving(home) as server:
        every = min(KILL_EVERY_SECONDS, settings.seconds / 2)
        sent = [requests.small_png(seed) for seed in range(8)]
        until_then = time.monotonic() + settings.seconds
        async with closed_loop(server.port, sent, settings.connections) as load:
            await asyncio.sleep(1)
            while time.monotonic() < until_then:
                kills.append(time.monotonic())
                seconds_replaced, seconds_back = await kill(server, server.workers()[0])
                replaced.append(seconds_replaced)
                back.append(seconds_back)
                await asyncio.sleep(max(kills[-1] + every - time.monotonic(), 0))
        held, beyond = _lost(load, kills)
        row.numbers = {
            "kills": len(kills),
            "answered": load.statuses().get(200, 0),
            "lost with the killed": len(held),
            "lost otherwise": len(beyond),
            "refused connections": load.outcomes().get("no connection", 0),
            "another started after, s (worst)": round(max(replaced), 2),
            "it answers after, s (worst)": round(max(back), 1),
        }
        row.demand("nothing else is lost", not beyond)
        row.demand("a worker holds what it lost", len(held) <= len(kills) * settings.connections)
        row.demand("no other status", set(load.statuses()) <= {200, 429})
        row.demand("another starts soon", max(replaced) <= MAX_REPLACED_SECONDS)
        row.demand("the service answers all along", max(back) < float("inf"))
    return row


async def kill(server: Server, worker: psutil.Process) -> tuple[float, float]:
    """Kill a worker; seconds until another process runs in its place, and until that one answers."""
    others = {one.pid for one in server.workers()} - {worker.pid}
    worker.kill()

    def new_ones() -> set[int]:
        return {one.pid for one in server.workers()} - others - {worker.pid}

    started = await until(lambda: bool(new_ones()), 30)
    new = new_ones()
    answering = await until(lambda: any(_listens_to_clients(pid) for pid in new), 60)
    return started, started + answering


def _listens_to_clients(pid: int) -> bool:
    """Whether a worker has a client's connection by now."""
    try:
        return any(
            one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(pid).net_connections("tcp")
        )
    except psutil.Error:
        return False


def _lost(load: Load, kills: list[float]) -> tuple[list[Sent], list[Sent]]:
    """Requests without an answer: those that ended just when a worker was killed, and all others."""
    lost = [one for one in load.sent if one.status not in (200, 429)]
    held = [one for one in lost if any(0 <= one.at + one.seconds - kill <= _AT_ONCE for kill in kills)]
    return held, [one for one in lost if one not in held]


async def told_to_end(settings: Settings) -> Row:
    """SIGTERM under load, three times."""
    row = Row("SIGTERM under load", "not ready at once, no accepted request dropped, ends with 0")
    answered = 0
    dropped: list[str] = []
    noticed: list[float] = []
    ended: list[float] = []
    codes: list[int] = []
    for _ in range(3):
        with temporary_home(settings.models) as home, serving(home, drain_seconds=1.0) as server:
            one = await _end_under_load(server, settings)
        load, seconds_noticed, seconds_ended, code = one
        dropped += [load.failures()] if load.failed() else []
        answered += load.statuses().get(200, 0)
        noticed.append(seconds_noticed)
        ended.append(seconds_ended)
        codes.append(code)
    row.numbers = {
        "answered": answered,
        "dropped": ", ".join(dropped) or "0",
        "not ready after, s (worst)": round(max(noticed), 2),
        "ended after, s (worst)": round(max(ended), 1),
        "exit codes": ", ".join(map(str, codes)),
    }
    row.demand("no request is dropped", not dropped)
    row.demand("it is not ready at once", max(noticed) <= 0.5)
    row.demand("it ends by itself, with 0", codes == [0, 0, 0])
    return row


async def _end_under_load(server: Server, settings: Settings) -> tuple[Load, float, float, int]:
    """Send SIGTERM; clients stop sending when /readyz tells them to, as behind a load balancer."""
    sent = requests.everyday()
    async with closed_loop(server.port, sent, settings.connections) as load:
        await asyncio.sleep(min(settings.seconds / 3, 5.0))
        at = time.monotonic()
        server.process.terminate()
        noticed = await until(lambda: server.get("/readyz")[0] == 503, 10)
        await asyncio.sleep(0.4)  # a load balancer takes its time, and the service answers meanwhile
    code = await asyncio.to_thread(server.process.wait, 30)
    return load, noticed, time.monotonic() - at, int(code)
