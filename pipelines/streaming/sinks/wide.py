"""The rows of each day for spreadsheets: a line for each page and a column for each field, made anew as rows come.

From a thread of its own, since a day may have very many rows, and commits do not wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.errors import InkrayError
from pipelines.files.storage import Storage
from pipelines.labeling.forms.wide_table import FIRST, as_csv, lines
from pipelines.streaming.sinks.upkeep import DAY

FOLDER = "wide"
ITEM = ("key", "at")
ORDER = (*ITEM, "page", "item")
COLUMNS = [*ORDER, "source", "template", "field", "value", "status", "reason"]
TOGETHER = 20_000
"""Rows that are lines at a time."""
EVERY_S, SHARE = 10.0, 20
"""Seconds between two times; and what takes long comes so many times its duration apart."""
LAST_S = 1.0
"""Seconds that it may take to be done once more in the end; else the next start does it."""


class WideTables:
    def __init__(self, storage: Storage, rows: str, fields: Sequence[str]) -> None:
        self._storage, self._rows, self._fields = storage, rows, tuple(fields)
        self._days: set[str] = set()
        """Those that have other rows than their file."""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._took = 0.0
        self._thread = threading.Thread(target=self._make, daemon=True)

    def start(self, table: Any) -> None:
        """A driver that was killed may not have come to the newest days, nor to any without a file."""
        days = sorted(part[DAY] for part in table.partitions())
        there = {name.removesuffix(".csv") for name in self._storage.names(FOLDER)}
        self._days = set(days[-2:]) | (set(days) - there)
        self._thread.start()

    def changed(self, day: str) -> None:
        with self._lock:
            self._days.add(day)

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=LAST_S)

    def _make(self) -> None:
        while not self._over.wait(max(EVERY_S, SHARE * self._took)):
            self._make_changed()
        if self._took < LAST_S:
            self._make_changed()

    def _make_changed(self) -> None:
        with self._lock:
            days, self._days = self._days, set()
        began = time.monotonic()
        for day in sorted(days):
            try:
                self._storage.put(f"{FOLDER}/{day}.csv", self._content(day))
            except (OSError, DeltaError, InkrayError):
                # The sink tells of an outage; the next time it may be over.
                self.changed(day)
        self._took = time.monotonic() - began

    def _content(self, day: str) -> Iterator[bytes]:
        where, options = self._storage.for_tables(self._rows)
        of_day = DeltaTable(where, storage_options=options).to_pyarrow_dataset()
        rows = of_day.to_table(columns=COLUMNS, filter=ds.field(DAY) == day)
        rows = rows.sort_by([(column, "ascending") for column in ORDER])
        yield as_csv([[*FIRST, *self._fields]])
        for some in _pieces(rows):
            yield as_csv(lines(some, self._fields, of_a_page=(*ITEM, "page")))


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    """Some rows at a time, those of an item together."""
    start = 0
    while start < len(rows):
        end = min(start + TOGETHER, len(rows))
        while end < len(rows) and all(rows[column][end - 1] == rows[column][end] for column in ITEM):
            end += 1
        yield rows.slice(start, end - start)
        start = end
