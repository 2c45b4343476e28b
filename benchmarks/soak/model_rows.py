"""Rows about models that move, are damaged, or are missing."""

import asyncio
import time

from benchmarks.soak import requests
from benchmarks.soak.client import Load, closed_loop, until
from benchmarks.soak.rows import Row, Settings
from benchmarks.soak.server import CLASSIFIER, FIRST, SECOND, copy_version, serving, temporary_home
from fashion.aliases import ALIAS_FILE, rollback


async def promoted(settings: Settings) -> Row:
    """A version promoted and rolled back, again and again, under load."""
    row = Row("promote and roll back under load", "no failed request; every worker follows")
    followed: list[float] = []
    with temporary_home(settings.models) as home, serving(home) as server:
        sent = [requests.small_png(seed) for seed in range(8)]
        until_then = time.monotonic() + settings.seconds
        async with closed_loop(server.port, sent, settings.connections) as load:
            await asyncio.sleep(1)
            while time.monotonic() < until_then:
                server.promote(SECOND)
                followed.append(await _all_answer(load, SECOND))
                rollback(home / ALIAS_FILE, CLASSIFIER)
                followed.append(await _all_answer(load, FIRST))
        models = {one.model for one in load.sent if one.model}
        row.numbers = {
            "moves": len(followed),
            "answered": load.statuses().get(200, 0),
            "failed": load.failures(),
            "all workers follow after, s (worst)": round(max(followed), 1),
        }
        row.demand("no request fails", not load.failed())
        row.demand("every worker follows", max(followed) < 30)
        row.demand("answers name the version", models == {f"{CLASSIFIER}:{FIRST}", f"{CLASSIFIER}:{SECOND}"})
    return row


async def _all_answer(load: Load, version: str) -> float:
    """Seconds until for half a second nothing but `version` answers, on whichever worker."""
    began = time.monotonic()

    def settled() -> bool:
        since = time.monotonic() - 0.5
        recent = [one.model for one in load.sent[-2000:] if one.at > since and one.model]
        return time.monotonic() > began + 0.5 and set(recent) == {f"{CLASSIFIER}:{version}"}

    return await until(settled, 30)


async def corrupted(settings: Settings) -> Row:
    """A damaged artifact promoted, then a damaged alias file, under load."""
    row = Row("a corrupted artifact or alias file", "refused and told, the old version kept")
    with temporary_home(settings.models) as home, serving(home) as server:
        copy_version(home / "models" / CLASSIFIER / FIRST, home / "models" / CLASSIFIER / "damaged")
        graph = next((home / "models" / CLASSIFIER / "damaged").glob("*.onnx"))
        graph.write_bytes(graph.read_bytes()[:-1] + b"x")
        async with closed_loop(server.port, [requests.small_png()], 4) as load:
            server.promote("damaged")
            refused = await until(lambda: "stays as it was" in server.log.read_text(), 20)
            (home / ALIAS_FILE).write_text("{")
            told = await until(lambda: "damaged" in server.log.read_text(), 20)
            await asyncio.sleep(1)
        models = {one.model for one in load.sent if one.model}
        row.numbers = {
            "answered": load.statuses().get(200, 0),
            "failed": load.failures(),
            "refused after, s": round(refused, 1),
        }
        row.demand("no request fails", bool(load.sent) and not load.failed())
        row.demand("the old version answers", models == {f"{CLASSIFIER}:{FIRST}"})
        row.demand("the log tells", max(refused, told) < 20)
        row.demand("the service stays ready", server.is_ready())
    return row


async def missing_alias(settings: Settings) -> Row:
    """A start without an alias file, and one that vanishes."""
    row = Row("a missing alias file", "live and not ready until it is there; kept as it was when it goes")
    with temporary_home(settings.models) as home:
        file = home / ALIAS_FILE
        text = file.read_text()
        file.unlink()
        with serving(home, wait=False) as server:
            live = await until(lambda: server.get("/livez")[0] == 200, 60)
            before = server.get("/readyz")[0]
            file.write_text(text)
            ready = await until(lambda: all(server.is_ready() for _ in range(20)), 30)
            async with closed_loop(server.port, [requests.small_png()], 4) as load:
                await asyncio.sleep(1)
                file.unlink()
                await asyncio.sleep(min(settings.seconds / 4, 3.0))
            row.numbers = {
                "readiness before": before,
                "ready after, s": round(ready, 1),
                "answered": load.statuses().get(200, 0),
                "failed": load.failures(),
            }
            row.demand("it is live without", live < 60)
            row.demand("it is not ready without", before == 503)
            row.demand("it becomes ready", ready < 30)
            row.demand("no request fails when it goes", bool(load.sent) and not load.failed())
    return row
