"""What keeps a table fit for months: small files are merged, old days retire, and what nothing names is deleted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

DAY = "day"
LOOK_S, VACUUM_S = 5.0, 3600.0
"""Seconds between two looks at the files, and between two at what lies there and belongs to no version."""
KEPT_HOURS = 1
"""Hours that files are kept after they were merged or retired, for those who read an older version."""
MERGED_AT = 200
LARGE = 64 << 20
"""Bytes from which on a file is not merged any more."""


@dataclass
class Upkeep:
    merge_files: int = MERGED_AT
    """How many files of a day are merged at the latest; 0 leaves them."""
    keep_days: int | None = None
    """Days whose rows are kept, besides today; None keeps all."""
    _looked_at: float = field(default_factory=time.monotonic)
    _vacuumed_at: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        return time.monotonic() - self._looked_at > LOOK_S

    def do(self, table: Any) -> None:
        """All that is due, each by a commit of its own; the table is then the newest."""
        today = datetime.now(UTC).date()
        self._retire(table, today)
        self._merge(table, today)
        if time.monotonic() - self._vacuumed_at > VACUUM_S:
            table.vacuum(retention_hours=KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
            self._vacuumed_at = time.monotonic()
        table.update_incremental()
        self._looked_at = time.monotonic()

    def _retire(self, table: Any, today: date) -> None:
        if self.keep_days is None:
            return
        oldest = (today - timedelta(days=self.keep_days)).isoformat()
        if any(part[DAY] < oldest for part in table.partitions()):
            table.delete(f"{DAY} < '{oldest}'")

    def _merge(self, table: Any, today: date) -> None:
        for day, files in _small_files(table).items():
            # Of a day that is over no more files come, in which to merge what is left.
            if self.merge_files and files >= (self.merge_files if day >= today.isoformat() else 2):
                table.optimize.compact(partition_filters=[(DAY, "=", day)], target_size=LARGE)


def _small_files(table: Any) -> Counter[str]:
    """How many files each day has that can be merged."""
    files = pa.table(table.get_add_actions(flatten=True)).select([f"partition.{DAY}", "size_bytes"]).to_pylist()
    return Counter(file[f"partition.{DAY}"] for file in files if file["size_bytes"] < LARGE)
