"""Carrying out the DNS questions of call control (`Resolve`): from the cache at once, else by the resolver."""

from __future__ import annotations

import asyncio
import time

from seaway.core.dns.io import Answer, Resolve
from seaway.runtime.driver import Driver
from seaway.runtime.resolver import Resolver

__all__ = ["Lookups"]

_PATIENCE = 8.0  # seconds for one question, whatever the servers do: a request waits for it


class Lookups:
    """Call control hears `resolved` for each question, once; `core/sip/locator.py` bounds how many are under way."""

    def __init__(self, driver: Driver, resolver: Resolver) -> None:
        self._driver = driver
        self._resolver = resolver
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def ask(self, question: Resolve, now: float) -> None:
        """Answer one question, now or later."""
        known = self._resolver.cached(question.name, question.kind)
        if known is not None:
            self._driver.core.resolved(question.token, known, now)
            return
        task = self._loop.create_task(self._look_up(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_up(self, question: Resolve) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await self._resolver.lookup(question.name, question.kind)
        except TimeoutError:
            answer = Answer((), f"{question.name}: no answer within {_PATIENCE:g} s; check the name servers")
        except Exception as error:  # a defect of ours ends this question only
            self._driver.log.error("defect", where="lookup", error=f"{type(error).__name__}: {error}", exc_info=error)
            answer = Answer((), f"{question.name}: could not be looked up")
        driver, now = self._driver, time.monotonic()
        driver.tell(driver.core.resolved, question.token, answer, now)
        driver.settle(now)

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
