"""Dynamic batching: the digits of many requests in one call of the engine, and to each request its own answer.

Nothing waits for a batch to fill: an idle engine starts at once, and whatever arrived while it worked forms its next
batch. So batches grow with the load and add no latency without it.
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

from pipelines.inference.recognizer import Reading
from serve_app.errors import NotReady, Overloaded

Images = NDArray[np.uint8]

MAX_INLINE_S = 0.001
"""How long the event loop may be blocked to read a single image on it."""


class BatchResult(NamedTuple):
    """A reading, and the 28x28 images that the engine saw."""

    reading: Reading
    inputs: Images


class Batch(NamedTuple):
    """Statistics of one call of the engine."""

    rows: int
    requests: int
    waited_s: float
    """How long its oldest request had waited."""
    engine_s: float
    read: BatchResult


@dataclass(eq=False)
class _PendingRequest:
    images: Images
    answer: asyncio.Future[BatchResult]
    arrived: float


class Batcher:
    """Connects the event loop, where requests arrive, with one thread, where the engine works."""

    def __init__(
        self,
        read: Callable[[Images], BatchResult],
        max_rows: int = 256,
        queue_rows: int = 4096,
        on_batch: Callable[[Batch], None] = lambda batch: None,
    ) -> None:
        self._read, self._max_rows, self._queue_rows, self._on_batch = read, max_rows, queue_rows, on_batch
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_PendingRequest] = deque()
        self._rows_waiting = 0
        self._busy = self._closed = False
        self._single_image_s = float("inf")
        """How long the engine took for the last batch of a single image."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._work: queue.SimpleQueue[list[_PendingRequest] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run_engine, name="engine", daemon=True)
        self._thread.start()

    def check_capacity(self, rows: int = 1) -> None:
        """Raise `Overloaded` if the queue has no space for so many images; call it before working on a request."""
        if self._closed:
            raise NotReady("The model is being unloaded; try again.")
        if self._rows_waiting + rows > self._queue_rows:
            raise Overloaded(f"{self._rows_waiting} digits are queued already; try again in a second.")

    async def read(self, images: Images) -> BatchResult:
        """Read images [N, 28, 28]; if the call is cancelled, those that are still queued are not read."""
        self.check_capacity(len(images))
        if len(images) <= self._max_rows:
            return await self._enqueue(images)
        starts = range(0, len(images), self._max_rows)
        return _joined(await asyncio.gather(*(self._enqueue(images[at : at + self._max_rows]) for at in starts)))

    def _enqueue(self, images: Images) -> asyncio.Future[BatchResult]:
        request = _PendingRequest(images, self._loop.create_future(), time.perf_counter())
        self._waiting.append(request)
        self._rows_waiting += len(images)
        if not self._busy:
            self._busy = True
            self._idle.clear()
            # Not at once, so that requests which arrive in the same iteration of the loop join the batch.
            self._loop.call_soon(self._start)
        return request.answer

    def _start(self) -> None:
        """Start the idle engine. A single image is read right here, since handing it to the thread takes as long."""
        requests = self._take()
        if self._single_image_s < MAX_INLINE_S and len(requests) == 1 and len(requests[0].images) == 1:
            self._deliver(requests, *self._timed(requests))
        elif requests:
            self._work.put(requests)
        else:
            self._next()

    def _next(self) -> None:
        requests = self._take()
        if requests:
            self._work.put(requests)
        else:
            self._busy = False
            self._idle.set()

    def _take(self) -> list[_PendingRequest]:
        """The next batch: as many requests as fit, oldest first, without those that were cancelled."""
        requests: list[_PendingRequest] = []
        rows = 0
        while self._waiting and rows + len(self._waiting[0].images) <= self._max_rows:
            request = self._waiting.popleft()
            self._rows_waiting -= len(request.images)
            if not request.answer.cancelled():
                requests.append(request)
                rows += len(request.images)
        return requests

    def _run_engine(self) -> None:
        """The main loop of the engine's thread."""
        while (requests := self._work.get()) is not None:
            self._loop.call_soon_threadsafe(self._deliver, requests, *self._timed(requests))

    def _timed(self, requests: list[_PendingRequest]) -> tuple[BatchResult | Exception, float, float]:
        """The result or the error, when the engine started and when it ended."""
        started = time.perf_counter()
        try:
            result: BatchResult | Exception = self._read(_stacked(requests))
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers who wait must get it
            result = error
        return result, started, time.perf_counter()

    def _deliver(
        self, requests: list[_PendingRequest], result: BatchResult | Exception, started: float, ended: float
    ) -> None:
        # Start the next batch first: the engine works while the answers are written.
        self._next()
        if isinstance(result, Exception):
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(result)
            return
        at = 0
        for request in requests:
            if not request.answer.done():
                request.answer.set_result(_slice(result, at, at + len(request.images)))
            at += len(request.images)
        if at == 1:
            self._single_image_s = ended - started
        self._on_batch(Batch(at, len(requests), started - requests[0].arrived, ended - started, result))

    async def close(self) -> None:
        """Accept nothing new, answer what is queued, and end the thread."""
        self._closed = True
        await self._idle.wait()
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)


def _stacked(requests: list[_PendingRequest]) -> Images:
    return requests[0].images if len(requests) == 1 else np.concatenate([request.images for request in requests])


def _slice(read: BatchResult, start: int, end: int) -> BatchResult:
    reading = read.reading
    share = Reading(reading.labels[start:end], reading.confidences[start:end], reading.probabilities[start:end])
    return BatchResult(share, read.inputs[start:end])


def _joined(reads: list[BatchResult]) -> BatchResult:
    return BatchResult(
        joined_readings([read.reading for read in reads]), np.concatenate([read.inputs for read in reads])
    )


def joined_readings(readings: list[Reading]) -> Reading:
    return Reading(
        np.concatenate([reading.labels for reading in readings]),
        np.concatenate([reading.confidences for reading in readings]),
        np.concatenate([reading.probabilities for reading in readings]),
    )
