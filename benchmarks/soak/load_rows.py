"""Rows about too much load, and about clients that go."""

import asyncio
import random
import statistics
import time
from array import array

import psutil

from benchmarks.soak import requests
from benchmarks.soak.client import Load, Sent, closed_loop, open_loop, until
from benchmarks.soak.rows import Row, Settings
from benchmarks.soak.server import Server, serving, temporary_home

MAX_GROWTH = 0.05
MAX_REFUSAL_MS = 250.0
_ANSWER_SECONDS = 10.0  # the service's own deadline
_PART = 10.0  # seconds of load at a time, so that what is remembered of it stays small


async def overload(settings: Settings) -> Row:
    """Twice the capacity for a long time."""
    row = Row(
        "twice the capacity",
        f"memory grows <= {MAX_GROWTH:.0%}, refusals at once (p99 <= {MAX_REFUSAL_MS:g} ms), answers in time",
    )
    sent = requests.everyday()
    with temporary_home(settings.models) as home, serving(home) as server:
        workers = [worker.pid for worker in server.workers()]
        rate = 2 * await _capacity(server, sent, settings)
        totals = _Totals()
        until_then = time.monotonic() + settings.overload_seconds
        while time.monotonic() < until_then:
            part, unsent = await open_loop(server.port, sent, rate=rate, seconds=_PART, max_connections=400)
            totals.add(part, unsent, server.memory_mib())
        memory = totals.memory
        answers, refusals = totals.quantiles_ms(200), totals.quantiles_ms(429)
        row.numbers = {
            "minutes": round(settings.overload_seconds / 60, 1),
            "offered/s": round(rate),
            "answered": len(totals.seconds[200]),
            "refused": len(totals.seconds[429]),
            "kept back by the client": totals.unsent,
            "p50, p99 and worst of answers, ms": ", ".join(map(str, answers)),
            "p50, p99 and worst of refusals, ms": ", ".join(map(str, refusals)),
            "memory at first and last, MiB": f"{_early(memory):.0f}, {_late(memory):.0f}",
            "failed": Load(totals.failed).failures(),
        }
        row.demand("no request fails", not totals.failed)
        row.demand("refusals come at once", refusals[1] <= MAX_REFUSAL_MS)
        row.demand("answers come in time", answers[2] <= 1000 * _ANSWER_SECONDS)
        row.demand("memory stays flat", _late(memory) <= _early(memory) * (1 + MAX_GROWTH))
        row.demand("no worker dies", [worker.pid for worker in server.workers()] == workers)
    return row


class _Totals:
    """Half an hour of requests in few bytes each."""

    def __init__(self) -> None:
        self.seconds = {200: array("d"), 429: array("d")}
        self.failed: list[Sent] = []
        self.memory: list[float] = []
        self.unsent = 0

    def add(self, part: Load, unsent: int, memory_mib: float) -> None:
        for one in part.sent:
            if one.status in self.seconds:
                self.seconds[one.status].append(one.seconds)
        self.failed += part.failed()
        self.memory.append(memory_mib)
        self.unsent += unsent

    def quantiles_ms(self, status: int) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of the times to an answer of `status`."""
        times = sorted(self.seconds[status]) or [0.0]
        p50, p99, worst = (times[min(int(share * len(times)), len(times) - 1)] for share in (0.5, 0.99, 1.0))
        return round(p50 * 1e3, 1), round(p99 * 1e3, 1), round(worst * 1e3, 1)


async def _capacity(server: Server, sent: list[bytes], settings: Settings) -> float:
    """Answers a second, after a warm-up of the same load."""
    seconds = min(5.0, settings.seconds)
    rate = 0.0
    for _ in range(2):
        began = time.monotonic()
        async with closed_loop(server.port, sent, settings.connections) as load:
            await asyncio.sleep(seconds)
        rate = load.statuses().get(200, 0) / (time.monotonic() - began)
    return rate


def _early(memory: list[float]) -> float:
    """The memory after warm-up: of the second fifth of the time."""
    fifth = max(len(memory) // 5, 1)
    return statistics.median(memory[fifth : 2 * fifth] or memory[:1])


def _late(memory: list[float]) -> float:
    return statistics.median(memory[-max(len(memory) // 5, 1) :])


async def clients_that_leave(settings: Settings) -> Row:
    """Clients that break off: in the headers, in the body, while they wait."""
    row = Row(
        "clients that leave", f"others are answered, nothing stays behind, memory grows <= {MAX_GROWTH:.0%}"
    )
    sent, draw = [*requests.everyday(), requests.photograph(3, side=3000)], random.Random(0)
    with temporary_home(settings.models) as home, serving(home) as server:
        await _leave(server.port, sent, draw, settings.seconds / 2)
        before = server.memory_mib()
        others = [requests.small_png()]
        async with closed_loop(server.port, others, 2) as load:
            left = await _leave(server.port, sent, draw, settings.seconds)
        in_progress = await until(lambda: server.counted("fashion_requests_in_progress") == 1, 15)
        after = server.memory_mib()
        row.numbers = {
            "clients that left": left,
            "counted as 499": int(server.counted("fashion_requests_total", 'status="499"')),
            "others answered": load.statuses().get(200, 0),
            "others failed": load.failures(),
            "idle again after, s": round(in_progress, 2),
            "memory before and after, MiB": f"{before:.0f}, {after:.0f}",
        }
        row.demand("others are answered", bool(load.sent) and not load.failed())
        row.demand("nothing stays in progress", in_progress < 15)
        row.demand("they are counted", server.counted("fashion_requests_total", 'status="499"') > 0)
        row.demand("memory stays flat", after <= before * (1 + MAX_GROWTH))
        row.demand("no worker dies", all(psutil.pid_exists(worker.pid) for worker in server.workers()))
    return row


async def _leave(port: int, sent: list[bytes], draw: random.Random, seconds: float) -> int:
    """Begin requests and break them off, eight at a time; how many."""
    until_then, left = time.monotonic() + seconds, 0

    async def client() -> None:
        nonlocal left
        while time.monotonic() < until_then:
            request = draw.choice(sent)
            end = draw.choice([draw.randrange(1, len(request)), len(request)])
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request[:end])
            await asyncio.sleep(draw.choice([0, 0.01, 0.1]))
            writer.transport.abort()
            left += 1

    await asyncio.gather(*(client() for _ in range(8)))
    return left
