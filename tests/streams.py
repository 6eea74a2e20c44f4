"""Items for streams, and the rows that came of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from pipelines.labeling.rows import SCHEMA
from pipelines.streaming.sink import STREAM_COLUMNS
from pipelines.streaming.source import Arrival, Lag, Position, Positions

STREAM_SCHEMA = pa.schema([*SCHEMA, *STREAM_COLUMNS])


def rows_of(*items: tuple[str, str]) -> pa.Table:
    """A row for each key and place."""
    return pa.Table.from_pylist([{"source": key, "key": key, "at": at} for key, at in items], STREAM_SCHEMA)


def in_table(output: Path) -> list[tuple[str, str]]:
    """Which items have rows, each as often as it has."""
    rows = DeltaTable(str(output / "rows")).to_pyarrow_table(columns=["key", "at"])
    return sorted(zip(rows["key"].to_pylist(), rows["at"].to_pylist(), strict=True))


def positions(*items: tuple[str, str]) -> dict[str, Position]:
    return {key: Position(at) for key, at in items}


class ListSource:
    """A source that has these items, each key's in the order of their places, which are numbers."""

    shown = "a list"

    def __init__(self, items: Iterable[Arrival]) -> None:
        self._items = deque(items)
        self.done: dict[str, Position] = {}

    def open(self, committed: Positions) -> None:
        self.done = dict(committed)
        self._items = deque(
            one for one in self._items if one.key not in committed or int(one.at) > int(committed[one.key].at)
        )

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        return [self._items.popleft() for _ in range(min(limit, len(self._items)))]

    def commit(self, done: Positions) -> list[str]:
        self.done.update(done)
        return []

    def lag(self) -> Lag:
        return Lag(len(self._items), None)

    def close(self) -> None:
        self._items.clear()
