"""What waits for a turn of the event loop, and what is refused before anybody else has one."""

import asyncio
import threading
from typing import NoReturn

import pytest

from service.admission import Admission, Held
from service.exchange import Exchange
from service.refusals import Refusal
from service.work import Work


async def silence() -> NoReturn:
    """A client that waits and says nothing."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody completes that future")


def exchange() -> Exchange:
    return Exchange(b"id", {}, Held(Admission(10, 10**9)), silence)


def test_a_large_job_too_many_is_refused_before_others_have_their_turn() -> None:
    ended = threading.Event()

    async def body() -> None:
        running = asyncio.create_task(work.run(exchange(), lambda _: ended.wait(10), small=False))
        await asyncio.sleep(0)
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "another's")
        with pytest.raises(Refusal) as refused:
            await work.run(exchange(), lambda _: None, small=False)
        assert refused.value.code == "overloaded"
        assert turns == []
        ended.set()
        assert await running

    work = Work(threads=1, max_jobs_held=1)
    try:
        asyncio.run(body())
    finally:
        ended.set()
        work.close()


def test_a_small_job_lets_others_have_their_turn_first() -> None:
    async def body() -> list[str]:
        turns: list[str] = []
        asyncio.get_running_loop().call_soon(turns.append, "another's")
        await work.run(exchange(), lambda _: turns.append("its own"), small=True)
        return turns

    work = Work(threads=1, max_jobs_held=1)
    try:
        assert asyncio.run(body()) == ["another's", "its own"]
    finally:
        work.close()
