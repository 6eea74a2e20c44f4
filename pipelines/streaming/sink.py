"""The contract of every sink: it keeps the positions of the source, in the same transaction as the rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import pyarrow as pa

from pipelines.errors import InkrayError
from pipelines.streaming.source import Positions

STREAM_COLUMNS = pa.schema(
    [
        ("key", pa.string()),
        ("at", pa.string()),
        ("digest", pa.string()),
        ("arrived_at", pa.timestamp("us", "UTC")),
    ]
)
"""The columns that a stream puts after those of the rows in bulk; (key, at) names the item, `digest` its content."""


class SupersededError(InkrayError):
    """Another driver leads now; nothing that this one commits is taken any more."""


class StreamSink(Protocol):
    """Where rows go. `commit` comes from one thread and `tidy` never at the same time; all others from the driver's.

    An outage that may pass (no space left, a broker that restarts) is `DataError`; the driver says so, waits and
    commits the same again. If that had been taken the first time after all, it is not taken twice.
    """

    shown: str
    """The place in messages, without any password."""

    def try_to_lead(self) -> Positions | None:
        """Take the sink, and return the positions in it; None while another driver holds it.

        Whoever led before is fenced from here on: its `commit` raises `SupersededError`.
        """
        ...

    def commit(self, rows: pa.Table, done: Positions, forgotten: Collection[str]) -> None:
        """Make rows and positions visible in one step; keys in `forgotten` need no position any more.

        `rows` has the columns of the workload's schema and then `STREAM_COLUMNS`; it may be empty. Items of one key
        stand in it in their order.
        """
        ...

    def tidy(self) -> None:
        """What is due now and then, such as compaction and retirement; called between two commits."""
        ...

    def close(self) -> None:
        """Let another driver lead."""
        ...
