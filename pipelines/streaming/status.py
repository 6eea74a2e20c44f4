"""How a stream fares, in numbers: for a line now and then, and for Prometheus."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass

from pipelines.streaming.commits import Commit
from pipelines.streaming.source import Lag

WINDOW_S = 60.0
"""Seconds that rate and delays are told of."""
MOST = 20_000
"""Items of that time, of which delays are kept: the last ones."""


@dataclass(frozen=True)
class StreamStatus:
    items: int
    """Items in the sink since the start."""
    rows: int
    errors: int
    """Items that could not be read."""
    per_second: float
    delay_p50_s: float
    """From an item's arrival until its rows were visible."""
    delay_p99_s: float
    waiting: int
    """Items at the source that were not polled."""
    under_way: int
    """Items that were polled and whose rows are not in the sink."""
    oldest_s: float
    """Seconds since the oldest item arrived of those that wait or are under way."""
    readers: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)

    def __str__(self) -> str:
        waiting = f"{self.waiting + self.under_way:,} wait"
        oldest = f" (the oldest for {self.oldest_s:.1f} s)" if self.waiting + self.under_way else ""
        return (
            f"{self.items:,} items, {self.per_second:,.1f} a second, visible after {self.delay_p50_s:.2f} s "
            f"(p99 {self.delay_p99_s:.2f} s), {waiting}{oldest}, {self.errors:,} errors, {self.readers} readers"
        )


class StatusCounts:
    def __init__(self) -> None:
        self._started = time.monotonic()
        self._items = self._rows = self._errors = 0
        self._commits: deque[tuple[float, int]] = deque()
        """When a commit was seen, and how many items it had."""
        self._delays: deque[tuple[float, float]] = deque(maxlen=MOST)
        """When an item's rows were seen, and how long after its arrival."""

    def add(self, commit: Commit) -> None:
        seen, now = time.monotonic(), time.time()
        arrived = [one.arrived_at for batch in commit.batches for one in batch.arrivals]
        self._items += len(arrived)
        self._rows += len(commit.rows)
        self._errors += sum(sum(batch.read.failed) for batch in commit.batches if batch.read)
        self._commits.append((seen, len(arrived)))
        self._delays.extend((seen, max(0.0, now - at)) for at in arrived)

    def status(self, lag: Lag, under_way: int, oldest_arrival: float | None, readers: int) -> StreamStatus:
        now = time.monotonic()
        for recent in (self._commits, self._delays):
            while recent and now - recent[0][0] > WINDOW_S:
                recent.popleft()
        ages = [lag.oldest_s or 0.0, max(0.0, time.time() - oldest_arrival) if oldest_arrival else 0.0]
        delays = sorted(delay for _, delay in self._delays)
        return StreamStatus(
            self._items,
            self._rows,
            self._errors,
            sum(items for _, items in self._commits) / min(WINDOW_S, max(now - self._started, 1e-6)),
            delays[len(delays) // 2] if delays else 0.0,
            delays[int(len(delays) * 0.99)] if delays else 0.0,
            lag.items,
            under_way,
            max(ages),
            readers,
        )
