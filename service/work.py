"""Where computing happens: small jobs in the event loop's own thread, large ones in a few threads of their
own.

A small picture is answered sooner inline than a hand-over to a thread would take. A large one would stall
every small request behind it, so it leaves the loop; Pillow and the engine compute without Python's lock,
so the loop goes on.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from service.exchange import Exchange
from service.large_jobs import LargeJobs
from service.receiving import ClientGone, wait_until_gone
from service.refusals import answer_timeout, overloaded

T = TypeVar("T")


class TooLargeForTheLoop(Exception):
    """A job found, before computing much, that it belongs in a thread."""


class Work:
    """Runs jobs; holds the threads."""

    def __init__(self, *, threads: int, helpers: int = 0, max_jobs_held: int) -> None:
        self._large = LargeJobs(threads, helpers)
        self._max_jobs_held = max_jobs_held
        self._jobs = 0

    async def run(self, exchange: Exchange, job: Callable[[bool], T], *, small: bool) -> T:
        """Run `job(inline)`; inline it may raise TooLargeForTheLoop, and then runs again in a thread.

        A small job gives way once before, so that all requests that have arrived are counted, and some
        refused, before the loop is busy again. A large one too many is refused at once, before others are
        served. Raises the refusal of an answer that comes too late, and of a job too many; ClientGone where
        nobody waits for the answer any more.
        """
        if small:
            await asyncio.sleep(0)
            exchange.check_time()
            try:
                return job(True)
            except TooLargeForTheLoop:
                pass
        return await self._in_thread(exchange, job)

    async def _in_thread(self, exchange: Exchange, job: Callable[[bool], T]) -> T:
        if self._jobs >= self._max_jobs_held:
            raise overloaded(f"{self._jobs} large requests are waiting already: try again in a second")
        self._jobs += 1
        answer = asyncio.wrap_future(self._large.submit(exchange, partial(copy_context().run, job, False)))
        gone = asyncio.ensure_future(wait_until_gone(exchange.receive))
        try:
            await asyncio.wait(
                (answer, gone), timeout=exchange.seconds_left, return_when=asyncio.FIRST_COMPLETED
            )
            if answer.done():
                return answer.result()
            raise ClientGone if gone.done() else answer_timeout(exchange.answer_timeout_seconds)
        finally:
            self._jobs -= 1
            gone.cancel()
            if not answer.done():
                exchange.give_up()
                answer.cancel()
            del answer  # which the error that it may hold would keep, and with it the request

    def close(self) -> None:
        """Let the threads end; queued jobs are dropped."""
        self._large.close()
