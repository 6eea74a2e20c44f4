"""A watched folder: each version of a file that has come to rest is an item."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pipelines.errors import DataError, UsageError, first_line
from pipelines.files.paths import printable
from pipelines.streaming.at_rest import is_written_to
from pipelines.streaming.changes import Changes
from pipelines.streaming.file_versions import FileVersion, Sight, move_version, sight_of
from pipelines.streaming.source import Arrival, Lag, Positions

Afterwards = Literal["move", "leave"]
DONE, FAILED = "done", "failed"
LOOK_S, UNWATCHED_S = 5.0, 1.0
"""Seconds between two looks through the whole folder: beside the events of the system, of which some may be lost, and
where the system tells of none."""
SHARE = 20
"""A look through a folder that takes long comes so many times its duration apart."""


@dataclass(frozen=True)
class FolderOptions:
    suffixes: frozenset[str]
    afterwards: Afterwards = "leave"
    """Whether files that are done are moved to the folders `done` and `failed` within, or left."""
    settle: float = 0.1
    """Seconds that a file's size and time must stand still before it is read."""
    look_every: float | None = None
    """Seconds between two looks where the system tells of no events; None trusts in events."""


class Waiting(NamedTuple):
    sight: Sight
    since: float
    """When it was first seen like this, as `time.monotonic()` counts."""


class FolderSource:
    def __init__(self, folder: Path, options: FolderOptions) -> None:
        self.shown = str(folder)
        self._folder, self._options = folder, options
        self._known: dict[str, str] = {}
        """The version of each file that was polled or is done."""
        self._waiting: dict[str, Waiting] = {}
        """In the order in which they were seen."""
        self._ready: deque[tuple[str, Sight]] = deque()
        self._under_way: dict[str, str] = {}
        self._gone: list[str] = []
        self._look_at = 0.0
        self._device = 0
        self._changes: Changes | None = None

    def open(self, committed: Positions) -> None:
        if not self._folder.is_dir():
            raise UsageError(f"{self.shown} is no folder; name one that exists.")
        self._device = self._folder.stat().st_dev
        self._known = {key: position.at for key, position in committed.items()}
        self._gone = self._moved(committed)
        if self._options.look_every is None:
            self._changes = Changes(self._folder)

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        deadline = time.monotonic() + timeout_s
        while True:
            self._look(limit)
            if self._ready:
                return [self._arrival(*self._ready.popleft()) for _ in range(min(limit, len(self._ready)))]
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            self._pause(min(left, self._options.settle / 2 or left))

    def commit(self, done: Positions) -> list[str]:
        for key, position in done.items():
            if self._under_way.get(key) == position.at:
                del self._under_way[key]
        gone, self._gone = self._gone, []
        return gone + self._moved(done)

    def lag(self) -> Lag:
        waiting = len(self._waiting) + len(self._ready)
        landed = [one.sight.landed for one in self._waiting.values()] + [sight.landed for _, sight in self._ready]
        return Lag(waiting, max(0.0, time.time() - min(landed)) if landed else None)

    def close(self) -> None:
        if self._changes:
            self._changes.close()

    def _arrival(self, key: str, sight: Sight) -> Arrival:
        path, at = str(self._folder / key), str(sight.version)
        self._under_way[key] = at
        return Arrival(key, at, printable(path), sight.landed, FileVersion(path, sight.version))

    def _pause(self, seconds: float) -> None:
        if self._changes:
            self._changes.some.wait(seconds)
        else:
            time.sleep(seconds)

    def _look(self, limit: int) -> None:
        """See what happened, and what of it has come to rest, as far as it is wanted now."""
        now = time.monotonic()
        if self._changes:
            for path in self._changes.take():
                self._see(path, now)
        if now >= self._look_at:
            self._look_through(now)
        for key, waiting in self._settled(now):
            if len(self._ready) >= limit:
                break
            self._come_to_rest(key, waiting, now)

    def _settled(self, now: float) -> Iterator[tuple[str, Waiting]]:
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if now - waiting.since < self._options.settle:
                return
            yield key, waiting

    def _look_through(self, now: float) -> None:
        try:
            if self._folder.stat().st_dev != self._device:
                raise DataError(f"{self.shown} is not mounted any more.")
            there = {key for key, path in self._files(self._folder) if self._see_file(key, path, now)}
        except OSError as error:
            raise DataError(f"{self.shown} cannot be read: {first_line(error)}.") from error
        for key in [key for key in self._known if key not in there and key not in self._under_way]:
            del self._known[key]
            self._gone.append(key)
        self._look_at = now + self._pace(time.monotonic() - now)

    def _pace(self, took: float) -> float:
        if self._options.look_every is not None:
            return self._options.look_every
        watched = self._changes is not None and self._changes.error is None
        return max(LOOK_S if watched else UNWATCHED_S, SHARE * took)

    def _files(self, folder: Path) -> Iterator[tuple[str, str]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if folder != self._folder or entry.name not in (DONE, FAILED):
                        with suppress(FileNotFoundError):
                            yield from self._files(Path(entry.path))
                elif self._is_wanted(entry.name):
                    yield os.path.relpath(entry.path, self._folder), entry.path

    def _is_wanted(self, name: str) -> bool:
        return not name.startswith(".") and Path(name).suffix.lower() in self._options.suffixes

    def _see(self, path: str, now: float) -> None:
        key = os.path.relpath(path, self._folder)
        parts = Path(key).parts
        if parts[0] in (DONE, FAILED) or any(part.startswith(".") for part in parts):
            return
        if Path(path).is_dir():
            # A folder that was moved in tells of itself alone.
            self._look_at = now
        elif self._is_wanted(parts[-1]):
            self._see_file(key, path, now)

    def _see_file(self, key: str, path: str, now: float) -> bool:
        sight = sight_of(path)
        if sight and self._known.get(key) != str(sight.version):
            waiting = self._waiting.get(key)
            if waiting is None or waiting.sight.version != sight.version:
                self._wait_for(key, Waiting(sight, now))
        return sight is not None

    def _come_to_rest(self, key: str, waiting: Waiting, now: float) -> None:
        path = f"{self._folder}/{key}"
        sight = sight_of(path)
        if sight is None:
            del self._waiting[key]
        elif sight.version != waiting.sight.version or is_written_to(path):
            self._wait_for(key, Waiting(sight, now))
        else:
            del self._waiting[key]
            self._known[key] = str(sight.version)
            self._ready.append((key, sight))

    def _wait_for(self, key: str, waiting: Waiting) -> None:
        self._waiting.pop(key, None)
        self._waiting[key] = waiting

    def _moved(self, done: Positions) -> list[str]:
        """Move what is done, by option; returns the files that are no longer there."""
        if self._options.afterwards == "leave":
            return []
        gone = []
        for key, position in done.items():
            to = self._folder / (FAILED if position.failed else DONE)
            move_version(self._folder / key, position.at, to / key)
            # What lands by this name from now on is new, and so is what has replaced it.
            if self._known.get(key) == position.at:
                del self._known[key]
                gone.append(key)
        return gone
