"""Threads for blocking work, which know how long they have been at it: none can be stopped, but all can be seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from serve_app.errors import Overloaded

Result = TypeVar("Result")


class ThreadPool:
    def __init__(self, name: str, threads: int, most: int | None = None) -> None:
        """`most` calls may run or wait at once; further ones are refused with `Overloaded`."""
        self.name, self._threads, self._most = name, threads, most
        self._executor = ThreadPoolExecutor(threads, name)
        self._pending = 0
        self._started: dict[object, float] = {}

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._most is not None and self._pending >= self._most:
            raise Overloaded(f"{self._pending} {self.name} wait already; ask again in a second.")
        self._pending += 1
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._timed, work, arguments)
        running.add_done_callback(self._done)
        return await running

    def stuck_for(self) -> float:
        """For how many seconds every thread has been at the call that it is at; 0 while one is free."""
        started = sorted(self._started.copy().values())
        return time.monotonic() - started[-1] if len(started) == self._threads else 0.0

    def close(self) -> None:
        self._executor.shutdown(wait=False)

    def _timed(self, work: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
        call = object()
        self._started[call] = time.monotonic()
        try:
            return work(*arguments)
        finally:
            del self._started[call]

    def _done(self, _: object) -> None:
        self._pending -= 1
