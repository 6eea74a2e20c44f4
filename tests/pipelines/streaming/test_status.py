"""The numbers that a stream tells of itself, and the line that people read."""

from __future__ import annotations

import time

import pytest

from pipelines.streaming.commits import Commit
from pipelines.streaming.pool import MicroBatch
from pipelines.streaming.source import Arrival, Lag
from pipelines.streaming.status import StatusCounts, StreamStatus
from pipelines.streaming.work import BatchRead
from tests.streams import rows_of


def commit(ages: list[float], failed: int) -> Commit:
    now = time.time()
    batch = MicroBatch([Arrival(str(n), "1", "", now - age, b"") for n, age in enumerate(ages)])
    batch.read = BatchRead(rows_of(("a", "1")), [n < failed for n in range(len(ages))])
    return Commit([batch], batch.read.rows, {}, [])


def test_items_delays_and_the_oldest_are_told() -> None:
    counts = StatusCounts()
    counts.add(commit([1.0] * 98 + [5.0] * 2, failed=3))
    status = counts.status(Lag(7, 2.0), 4, time.time() - 9.0, 2)
    assert (status.items, status.rows, status.errors) == (100, 1, 3)
    assert (status.delay_p50_s, status.delay_p99_s, status.oldest_s) == pytest.approx((1.0, 5.0, 9.0), abs=0.5)
    assert (status.waiting, status.under_way, status.readers) == (7, 4, 2)
    assert status.per_second > 100


def test_the_line_for_people() -> None:
    assert str(StreamStatus(12_345, 12_345, 4, 512.25, 0.25, 1.5, 3, 4, 2.5, 2)) == (
        "12,345 items, 512.2 a second, visible after 0.25 s (p99 1.50 s), 7 wait (the oldest for 2.5 s), 4 errors, "
        "2 readers"
    )
