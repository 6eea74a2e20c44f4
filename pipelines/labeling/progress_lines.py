"""The progress of a run for programs: a line of JSON for each event."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from pipelines.labeling.pipeline import ShardDone
from pipelines.labeling.progress import EVERY_S


class ProgressLines:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._items = self._done = self._already = self._errors = 0
        self._started = self._told_at = time.monotonic()

    @contextmanager
    def under_way(self, items: int, done: int, items_name: str) -> Iterator[None]:
        self._items, self._done, self._already = items, done, done
        self._started = self._told_at = time.monotonic()
        self._tell("start", items=items, done=done, unit=items_name)
        yield

    def line(self, text: str) -> None:
        self._tell("remark", text=text)

    def shard_done(self, done: ShardDone) -> None:
        self._done += done.items
        self._errors += done.errors
        now = time.monotonic()
        if now - self._told_at < EVERY_S and self._done < self._items:
            return
        self._told_at = now
        speed = (self._done - self._already) / max(now - self._started, 1e-6)
        left = (self._items - self._done) / max(speed, 1e-6)
        counts = {"done": self._done, "items": self._items, "errors": self._errors}
        self._tell("progress", **counts, per_second=round(speed, 2), seconds_left=round(left, 1))

    def ended(self, line: str, summary: dict[str, Any]) -> None:
        self._tell("end", summary=summary)

    def _tell(self, event: str, **about: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._stream.write(json.dumps({"event": event, "time": now} | about) + "\n")
        # Whoever reads it waits for it.
        self._stream.flush()
