"""The loop of the driver that leads: poll, read in batches, commit, tell the source; nothing in it waits for long.

What is polled is bounded, so a sink that is slow holds up the source and not the memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from pipelines.errors import DataError
from pipelines.streaming.commits import Commits
from pipelines.streaming.isolation import ItemByItem
from pipelines.streaming.pool import MicroBatch, ReaderPool
from pipelines.streaming.sink import StreamSink
from pipelines.streaming.source import Arrival, Lag, Position, StreamSource
from pipelines.streaming.status import StatusCounts, StreamStatus

TICK_S = 0.02
"""Seconds that one step of the loop waits at most for one thing while there are others."""
IDLE_S = 0.2
AGAIN_S = 1.0
"""Seconds until what failed by an outage is tried again."""
STATUS_S = 1.0
HELD_BYTES = 256 << 20


class StreamListener(Protocol):
    """Is told how a stream fares."""

    def line(self, text: str) -> None: ...

    def alert(self, text: str) -> None:
        """Something that a person should look at; it is told again as long as it lasts."""
        ...

    def status(self, status: StreamStatus) -> None:
        """Every second."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pace:
    batch_items: int
    """The most items that are read together."""
    held_batches: int = 16
    """How many times as many are polled at most whose rows are not in the sink."""
    batch_seconds: float = 0.05
    """The longest that an item waits for others to be read with."""
    commit_seconds: float = 0.2
    """The least time between the beginnings of two commits."""
    drain_seconds: float = 5.0
    """The time for what is under way when the stream is to end."""
    alert_seconds: float = 60.0
    """Seconds without a commit, while something waits, after which that is told."""
    end_when_idle: float | None = None
    """Seconds without anything to do after which the stream ends; None goes on for ever."""


class StreamDriver:
    def __init__(
        self,
        source: StreamSource,
        sink: StreamSink,
        pool: ReaderPool,
        isolation: ItemByItem,
        pace: Pace,
        listener: StreamListener,
    ) -> None:
        self._source, self._pool, self._isolation, self._pace = source, pool, isolation, pace
        self._listener = listener
        self._commits = Commits(sink)
        self._counts = StatusCounts()
        self._buffer: list[Arrival] = []
        self._bytes = 0
        self._to_tell: dict[str, Position] = {}
        """What is in the sink and the source was not yet told."""
        self._is_untold = False
        """Whether the source could not be told, for which no more is polled, or that would grow without bound."""
        now = time.monotonic()
        self._buffered_at = self._committed_at = self._progress_at = self._busy_at = now
        self._status_at = self._alerted_at = self._poll_at = self._commit_at = self._tell_at = now
        self._lag = Lag(0, None)

    def run(self, stop: Event) -> None:
        try:
            while not stop.is_set() and not self._is_idle():
                self._poll()
                self._step()
            self._drain()
        finally:
            self._commits.close()
            self._isolation.close()

    def _is_idle(self) -> bool:
        if self._held or self._to_tell:
            self._busy_at = time.monotonic()
        limit = self._pace.end_when_idle
        return limit is not None and time.monotonic() - self._busy_at > limit and not self._lag.items

    def _drain(self) -> None:
        """Finish what is under way, if that takes no longer than it may; the rest comes again at the next start."""
        until = time.monotonic() + self._pace.drain_seconds
        while (self._held or self._to_tell or not self._commits.idle) and time.monotonic() < until:
            self._step()

    def _step(self) -> None:
        self._submit()
        self._collect()
        self._isolate()
        self._commit()
        self._tell()
        backlog = len(self._buffer) >= self._pace.batch_items
        self._pool.adjust(backlog, self._isolation.readers)
        self._report()

    @property
    def _held(self) -> int:
        return len(self._buffer) + self._commits.items

    def _poll(self) -> None:
        now = time.monotonic()
        room = min(
            self._pace.batch_items - len(self._buffer), self._pace.held_batches * self._pace.batch_items - self._held
        )
        if now < self._poll_at or self._is_untold or room <= 0 or self._bytes > HELD_BYTES:
            return
        try:
            arrived = self._source.poll(room, 0.0 if self._held else IDLE_S)
        except DataError as error:
            self._outage(error)
            self._poll_at = now + AGAIN_S
            return
        if arrived:
            if not self._buffer:
                self._buffered_at = time.monotonic()
            self._buffer += arrived
            self._bytes += _size(arrived)

    def _submit(self) -> None:
        full = len(self._buffer) >= self._pace.batch_items
        due = full or time.monotonic() - self._buffered_at > self._pace.batch_seconds
        if self._buffer and due and self._pool.room > 0:
            batch = MicroBatch(self._buffer)
            self._buffer = []
            self._commits.expect(batch)
            self._pool.submit(batch)

    def _collect(self) -> None:
        """See what was read; wait a moment for it, or for the sink, where that is all there is to do."""
        waits = self._held and not self._isolation.busy
        self._pool.collect(TICK_S if waits and self._pool.under_way else 0.0)
        if waits and not self._pool.under_way:
            self._commits.wait(TICK_S)

    def _isolate(self) -> None:
        if not self._isolation.busy and self._pool.suspects:
            self._isolation.begin(self._pool.suspects.popleft())
        if self._isolation.busy:
            self._isolation.step(TICK_S)

    def _commit(self) -> None:
        now = time.monotonic()
        try:
            commit = self._commits.finished()
        except DataError as error:
            self._outage(error)
            self._commit_at = now + AGAIN_S
            return
        if commit is not None:
            self._progress_at = now
            self._counts.add(commit)
            self._bytes -= sum(_size(batch.arrivals) for batch in commit.batches)
            self._to_tell.update(commit.done)
        if self._commits.idle and now >= self._commit_at:
            self._commits.begin()
            if not self._commits.idle:
                self._commit_at = now + self._pace.commit_seconds

    def _tell(self) -> None:
        now = time.monotonic()
        if self._to_tell and now >= self._tell_at:
            try:
                self._commits.forget(self._source.commit(self._to_tell))
            except DataError as error:
                self._outage(error)
                self._tell_at, self._is_untold = now + AGAIN_S, True
                return
            self._to_tell, self._is_untold = {}, False

    def _outage(self, error: DataError) -> None:
        # Nobody knows what would have come meanwhile.
        self._busy_at = time.monotonic() + AGAIN_S
        self._listener.alert(f"{error} It is tried again.")

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._status_at < STATUS_S:
            return
        self._status_at = now
        try:
            self._lag = self._source.lag()
        except DataError as error:
            self._outage(error)
        status = self._counts.status(self._lag, self._held, self._oldest(), self._pool.size)
        self._listener.status(status)
        if not (status.waiting or status.under_way):
            self._progress_at = now
        elif now - max(self._progress_at, self._alerted_at) > self._pace.alert_seconds:
            self._alerted_at = now
            self._listener.alert(
                f"Nothing was committed for {now - self._progress_at:.0f} s, though {status.waiting:,} items wait at "
                f"{self._source.shown} and {status.under_way:,} are under way."
            )

    def _oldest(self) -> float | None:
        held = [*self._buffer[:1], *(batch.arrivals[0] for batch in self._commits.batches)]
        return min((one.arrived_at for one in held), default=None)


def _size(arrivals: list[Arrival]) -> int:
    return sum(len(one.content) for one in arrivals if isinstance(one.content, bytes))


def wait_to_lead(sink: StreamSink, source: StreamSource, stop: Event, say: Callable[[str], None]) -> bool:
    """Whether this driver leads now, and its source is open; until then another does, or it is to end."""
    told = False
    while not stop.is_set():
        try:
            positions = sink.try_to_lead()
            if positions is not None:
                source.open(positions)
                return True
            if not told:
                say(f"another process leads at {sink.shown}; waiting until it ends")
                told = True
        except DataError as error:
            say(f"alert: {error} It is tried again.")
        stop.wait(AGAIN_S)
    return False
