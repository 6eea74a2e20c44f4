"""Many requests' digits in one call of the engine, and each answer back to whom it belongs.

Nothing waits for a batch to fill: an idle engine starts at once, and whatever came in while it worked goes together
in its next batch. So batches grow with the load and cost nothing without it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.recognizer import Reading
from serve_app.errors import NotReady, Overloaded

Images = NDArray[np.uint8]

INSTANT_S = 0.001
"""So long the event loop may stand still."""


class Read(NamedTuple):
    """What the engine says, and the 28x28 that it saw."""

    reading: Reading
    seen: Images


class Batch(NamedTuple):
    """One call of the engine, for whoever counts."""

    rows: int
    requests: int
    waited_s: float
    """How long its oldest part had waited."""
    engine_s: float
    read: Read


@dataclass(eq=False)
class _Part:
    images: Images
    answer: asyncio.Future[Read]
    arrived: float


class Batcher:
    """Between the event loop, where requests come and go, and one thread, where the engine works."""

    def __init__(
        self,
        read: Callable[[Images], Read],
        max_rows: int = 256,
        queue_rows: int = 4096,
        tell: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self._read, self._max_rows, self._queue_rows, self._tell = read, max_rows, queue_rows, tell
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Part] = deque()
        self._rows_waiting = 0
        self._busy = self._closed = False
        self._alone_s = float("inf")
        """How long the engine took for the last image that came alone."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._work: queue.SimpleQueue[list[_Part] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    @property
    def rows_waiting(self) -> int:
        return self._rows_waiting

    def check_room(self, rows: int = 1) -> None:
        """Refuse now what would wait too long; ask before any work is put into a request."""
        if self._closed:
            raise NotReady("The model is being taken down; ask again.")
        if self._rows_waiting + rows > self._queue_rows:
            raise Overloaded(f"{self._rows_waiting} digits wait already; ask again in a second.")

    async def read(self, images: Images) -> Read:
        """The answers to these images [N, 28, 28]; cancelled, those that still wait are not read."""
        self.check_room(len(images))
        if len(images) <= self._max_rows:
            return await self._enqueue(images)
        starts = range(0, len(images), self._max_rows)
        return _joined(await asyncio.gather(*(self._enqueue(images[at : at + self._max_rows]) for at in starts)))

    def _enqueue(self, images: Images) -> asyncio.Future[Read]:
        part = _Part(images, self._loop.create_future(), time.perf_counter())
        self._waiting.append(part)
        self._rows_waiting += len(images)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once: what else this turn of the loop brings goes along.
            self._loop.call_soon(self._start)
        return part.answer

    def _start(self) -> None:
        """After an idle time. One who is alone is read for here: a hand-over to the thread and back takes as long."""
        parts = self._take()
        if self._alone_s < INSTANT_S and len(parts) == 1 and len(parts[0].images) == 1:
            self._give(parts, *self._timed(parts))
        elif parts:
            self._work.put(parts)
        else:
            self._next()

    def _next(self) -> None:
        parts = self._take()
        if parts:
            self._work.put(parts)
        else:
            self._busy = False
            self._idle.set()

    def _take(self) -> list[_Part]:
        """As many as fit, oldest first, without those whose caller has gone."""
        parts: list[_Part] = []
        rows = 0
        while self._waiting and rows + len(self._waiting[0].images) <= self._max_rows:
            part = self._waiting.popleft()
            self._rows_waiting -= len(part.images)
            if not part.answer.cancelled():
                parts.append(part)
                rows += len(part.images)
        return parts

    def _serve(self) -> None:
        """The engine's thread."""
        while (parts := self._work.get()) is not None:
            self._loop.call_soon_threadsafe(self._give, parts, *self._timed(parts))

    def _timed(self, parts: list[_Part]) -> tuple[Read | Exception, float, float]:
        """What came of it, when it began and when it ended."""
        started = time.perf_counter()
        try:
            result: Read | Exception = self._read(_stacked(parts))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must be told
            result = error
        return result, started, time.perf_counter()

    def _give(self, parts: list[_Part], result: Read | Exception, started: float, ended: float) -> None:
        # The engine first: it works while the answers are written.
        self._next()
        if isinstance(result, Exception):
            for part in parts:
                if not part.answer.done():
                    part.answer.set_exception(result)
            return
        at = 0
        for part in parts:
            if not part.answer.done():
                part.answer.set_result(_share(result, at, at + len(part.images)))
            at += len(part.images)
        if at == 1:
            self._alone_s = ended - started
        self._tell(Batch(at, len(parts), started - parts[0].arrived, ended - started, result))

    async def close(self) -> None:
        """Take nothing new, answer what waits, end the thread."""
        self._closed = True
        await self._idle.wait()
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)


def _stacked(parts: list[_Part]) -> Images:
    return parts[0].images if len(parts) == 1 else np.concatenate([part.images for part in parts])


def _share(read: Read, start: int, end: int) -> Read:
    reading = read.reading
    share = Reading(reading.labels[start:end], reading.confidences[start:end], reading.probabilities[start:end])
    return Read(share, read.seen[start:end])


def _joined(reads: list[Read]) -> Read:
    return Read(joined_readings([read.reading for read in reads]), np.concatenate([read.seen for read in reads]))


def joined_readings(readings: list[Reading]) -> Reading:
    return Reading(
        np.concatenate([reading.labels for reading in readings]),
        np.concatenate([reading.confidences for reading in readings]),
        np.concatenate([reading.probabilities for reading in readings]),
    )
