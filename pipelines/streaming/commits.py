"""What was read goes to the sink from a thread of its own, one commit at a time, in the order of each key."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.streaming.pool import MicroBatch
from pipelines.streaming.sink import StreamSink
from pipelines.streaming.source import Position

TIDY_S = 1.0
"""Seconds between two looks whether something is to be tidied up."""


@dataclass(frozen=True)
class Commit:
    batches: list[MicroBatch]
    rows: pa.Table
    done: dict[str, Position]
    forgotten: list[str]

    @property
    def items(self) -> int:
        return sum(len(batch.arrivals) for batch in self.batches)


class Commits:
    def __init__(self, sink: StreamSink) -> None:
        self._sink = sink
        self._thread = ThreadPoolExecutor(1, "sink")
        self._order: deque[MicroBatch] = deque()
        """The batches whose rows are not in the sink, in the order of their arrival."""
        self._under_way: tuple[Commit | None, Future[None]] | None = None
        self._again: Commit | None = None
        self._forgotten: dict[str, None] = {}
        self._tidied_at = time.monotonic()

    @property
    def batches(self) -> Iterable[MicroBatch]:
        return self._order

    @property
    def items(self) -> int:
        return sum(len(batch.arrivals) for batch in self._order)

    @property
    def idle(self) -> bool:
        return self._under_way is None

    def expect(self, batch: MicroBatch) -> None:
        """A batch that is being read, to be committed in its turn."""
        self._order.append(batch)

    def forget(self, keys: Iterable[str]) -> None:
        self._forgotten.update(dict.fromkeys(keys))

    def begin(self) -> None:
        """Commit what is ready, or else tidy up if it is time."""
        commit = self._again or self._next()
        if commit is not None:
            self._again = commit
            work = self._thread.submit(self._sink.commit, commit.rows, commit.done, commit.forgotten)
            self._under_way = commit, work
        elif time.monotonic() - self._tidied_at > TIDY_S:
            self._tidied_at = time.monotonic()
            self._under_way = None, self._thread.submit(self._sink.tidy)

    def finished(self) -> Commit | None:
        """The commit that has become visible since; `DataError` if it has to be tried again."""
        if self._under_way is None or not self._under_way[1].done():
            return None
        (commit, work), self._under_way = self._under_way, None
        work.result()
        if commit is not None:
            self._again = None
            committed = set(map(id, commit.batches))
            self._order = deque(batch for batch in self._order if id(batch) not in committed)
        return commit

    def wait(self, timeout_s: float) -> None:
        """Wait for the sink, or where it has nothing to do, for a moment in which more may come."""
        if self._under_way is None:
            time.sleep(timeout_s / 4)
        else:
            wait([self._under_way[1]], timeout_s)

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _next(self) -> Commit | None:
        batches = list(self._ready())
        if not batches:
            return None
        done: dict[str, Position] = {}
        for batch in batches:
            assert batch.read is not None
            for one, failed in zip(batch.arrivals, batch.read.failed, strict=True):
                done[one.key] = Position(one.at, failed)
        forgotten = [key for key in self._forgotten if key not in done]
        self._forgotten.clear()
        return Commit(batches, pa.concat_tables(_rows(batches)), done, forgotten)

    def _ready(self) -> Iterator[MicroBatch]:
        """Those that are read, unless an earlier one of the same key is not."""
        waited: set[str] = set()
        for batch in self._order:
            if batch.read is not None and waited.isdisjoint(batch.keys):
                yield batch
            else:
                waited |= batch.keys


def _rows(batches: Iterable[MicroBatch]) -> list[Any]:
    return [batch.read.rows for batch in batches if batch.read is not None]
