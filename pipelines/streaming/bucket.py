"""A folder of an object store: each version of an object is an item. It is listed again and again, since stores tell
of no events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pipelines.errors import DataError, InkrayError
from pipelines.files.object_storage import ObjectStorage
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.streaming.source import Arrival, Lag, Positions

LOOK_S, SHARE = 2.0, 5
"""Seconds between two listings; and those that take long come so many times their duration apart."""
RETRY = timedelta(seconds=20)
"""How long a request is repeated: less than a reader has for a batch, or an outage would be taken for a bad item."""


@dataclass(frozen=True)
class ObjectVersion:
    """What an actor reads: one version of an object."""

    storage: ObjectStorage
    name: str
    tag: str
    waits: ClassVar[bool] = True

    def read(self) -> bytes | Reason:
        found = self.storage.get_version(self.name)
        if found is None:
            return Reason(ReasonCode.UNREADABLE_FILE, "it cannot be read: it is gone")
        content, version = found
        if _tag(version) != self.tag:
            return Reason(ReasonCode.CHANGED_WHILE_READ, "it changed while it was read: another object lies there now")
        return content


class BucketSource:
    def __init__(self, uri: str, suffixes: frozenset[str], look_every: float | None) -> None:
        self._storage = ObjectStorage(uri, RETRY)
        self.shown = self._storage.shown
        self._suffixes, self._look_every = suffixes, look_every
        self._known: dict[str, str] = {}
        """The version of each object that was polled, waits or is done."""
        self._ready: deque[Arrival] = deque()
        self._under_way: dict[str, str] = {}
        self._gone: list[str] = []
        self._look_at = 0.0

    def open(self, committed: Positions) -> None:
        self._known = {key: position.at for key, position in committed.items()}

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        until = time.monotonic() + timeout_s
        while not self._ready:
            now = time.monotonic()
            if now >= self._look_at:
                self._look(now)
            elif now >= until:
                return []
            else:
                time.sleep(min(until, self._look_at) - now)
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def commit(self, done: Positions) -> list[str]:
        for key, position in done.items():
            if self._under_way.get(key) == position.at:
                del self._under_way[key]
        gone, self._gone = self._gone, []
        return gone

    def lag(self) -> Lag:
        oldest = min((one.arrived_at for one in self._ready), default=None)
        return Lag(len(self._ready), None if oldest is None else max(0.0, time.time() - oldest))

    def close(self) -> None:
        self._ready.clear()

    def _look(self, now: float) -> None:
        try:
            there = {key for key, at, one in self._listed() if self._see(key, at, one)}
        except InkrayError as error:
            raise DataError(str(error)) from error
        for key in [key for key in self._known if key not in there and key not in self._under_way]:
            del self._known[key]
            self._gone.append(key)
        took = time.monotonic() - now
        self._look_at = time.monotonic() + (self._look_every or max(LOOK_S, SHARE * took))

    def _listed(self) -> Iterator[tuple[str, str, Any]]:
        for one in self._storage.objects():
            name = one["path"]
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
            if not hidden and PurePosixPath(name).suffix.lower() in self._suffixes:
                # The time too: the same content that is put there once more is a new version, as a file would be.
                yield name, f"{one['last_modified'].timestamp():.3f}-{_tag(one)}", one

    def _see(self, key: str, at: str, one: Any) -> bool:
        if self._known.get(key) != at:
            self._known[key] = self._under_way[key] = at
            content = ObjectVersion(self._storage, key, _tag(one))
            arrived_at = one["last_modified"].timestamp()
            self._ready.append(Arrival(key, at, f"{self.shown.rstrip('/')}/{key}", arrived_at, content))
        return True


def _tag(known: Any) -> str:
    return str(known.get("e_tag") or known.get("version")).strip('"')
