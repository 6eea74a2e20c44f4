"""A thread pool for blocking work that measures how long calls run, since a stuck thread cannot be stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from serve_app.errors import Overloaded

Result = TypeVar("Result")


class ThreadPool:
    def __init__(self, name: str, threads: int, max_pending: int | None = None) -> None:
        """At most `max_pending` calls run or wait at once; more raise `Overloaded`."""
        self.name, self._threads, self._max_pending = name, threads, max_pending
        self._executor = ThreadPoolExecutor(threads, name)
        self._pending = 0
        self._started: dict[object, float] = {}

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        if self._max_pending is not None and self._pending >= self._max_pending:
            raise Overloaded(f"{self._pending} {self.name} are queued already; try again in a second.")
        self._pending += 1
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._timed, work, arguments)
        running.add_done_callback(self._done)
        return await running

    def stuck_for(self) -> float:
        """Seconds for which all threads have been busy with their current calls; 0 while one is free."""
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
