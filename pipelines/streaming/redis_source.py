"""A stream of Redis as a source: its entries are read behind the position that the sink has.

It is read by XREAD, and a group only shows how far it is done. Were the group what is read by (XREADGROUP), a reply
that is lost on a broken connection, or one poll of a driver that was superseded, would move it past entries that nobody
read.
"""

from __future__ import annotations

import time
from typing import Any

from redis.exceptions import ResponseError

from pipelines.errors import DataError, UsageError
from pipelines.files.paths import printable
from pipelines.streaming.redis_server import RedisStream, redis_errors_told
from pipelines.streaming.source import Arrival, Lag, NoImage, Positions

SETTINGS = ("group", "trim")
IMAGE, NAME = (b"image", b"file"), b"name"
NO_FIELD = "the entry has no field image, nor file"
START = "0-0"
POLL_BYTES = 16 << 20
"""About how much is asked for at a time, by the mean size of what came before."""
COUNTED = 100
"""Entries that the server counts in one go, during which it does nothing else."""
COUNT = """
local found = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
return {#found, #found > 0 and found[#found][1] or ''}
"""


class RedisSource:
    def __init__(self, stream: RedisStream) -> None:
        self.shown = stream.shown
        self._key = stream.name
        self._group, self._trims = stream.settings.get("group"), trims(stream)
        self._redis = stream.connect()
        self._polled = START
        self._done = START
        self._taken = 0
        """How many of all the entries that the stream ever had were polled, or gone before."""
        self._mean = 0.0

    def open(self, committed: Positions) -> None:
        if self._key in committed:
            self._polled = self._done = committed[self._key].at
        with redis_errors_told(self.shown):
            self._taken = self._added() - self._count_behind(self._polled)
        self.commit(committed)

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        count = max(1, min(limit, int(POLL_BYTES / max(self._mean, 1.0))))
        block = max(1, round(timeout_s * 1000)) if timeout_s else None
        with redis_errors_told(self.shown):
            answer: Any = self._redis.xread({self._key: self._polled}, count, block)
        arrived = [self._arrival(at.decode(), fields) for _, entries in answer for at, fields in entries]
        if arrived:
            self._polled = arrived[-1].at
            self._taken += len(arrived)
            self._mean = sum(len(one.content) for one in arrived if isinstance(one.content, bytes)) / len(arrived)
        return arrived

    def commit(self, done: Positions) -> list[str]:
        if self._key in done:
            self._done = done[self._key].at
        with redis_errors_told(self.shown):
            if self._group:
                self._show(self._group)
            if self._trims and self._done != START:
                self._redis.xtrim(self._key, minid=self._done, approximate=False)
        return []

    def lag(self) -> Lag:
        with redis_errors_told(self.shown):
            first: Any = self._redis.xrange(self._key, f"({self._polled}", count=1)
            if not first:
                return Lag(0, None)
            waiting = max(1, self._added() - self._taken)
        return Lag(waiting, max(0.0, time.time() - _seconds(first[0][0].decode())))

    def close(self) -> None:
        self._redis.close()

    def _arrival(self, at: str, fields: dict[bytes, bytes]) -> Arrival:
        content = next((fields[name] for name in IMAGE if name in fields), None)
        name = fields[NAME].decode(errors="surrogateescape") if NAME in fields else f"{self._key}/{at}"
        return Arrival(self._key, at, printable(name), _seconds(at), NoImage(NO_FIELD) if content is None else content)

    def _show(self, group: str) -> None:
        try:
            self._redis.xgroup_setid(self._key, group, self._done)
        except ResponseError as error:
            if "NOGROUP" not in str(error) and "requires the key to exist" not in str(error):
                raise
            self._redis.xgroup_create(self._key, group, self._done, mkstream=True)

    def _added(self) -> int:
        """How many entries the stream ever had."""
        try:
            about: Any = self._redis.xinfo_stream(self._key)
        except ResponseError as error:
            if "no such key" in str(error):
                return 0
            raise
        last = about["last-generated-id"].decode()
        if _order(last) < _order(self._done):
            raise DataError(
                f"{self.shown} ends at {last}, before {self._done}, up to which there are rows: it was made anew, or "
                "the server lost what came last, and new entries may not be read; continue it with "
                f"XSETID {self._key} {self._done}."
            )
        if "entries-added" not in about:
            raise UsageError(f"{self.shown} is on a server older than Redis 7; upgrade it.")
        return about["entries-added"]

    def _count_behind(self, at: str) -> int:
        total, found = 0, COUNTED
        while found == COUNTED:
            answer: Any = self._redis.eval(COUNT, 1, self._key, f"({at}", str(COUNTED))
            found, last = answer
            total, at = total + found, last.decode()
        return total


def trims(stream: RedisStream) -> bool:
    setting = stream.settings.get("trim", "no")
    if setting not in ("yes", "no"):
        raise UsageError(f"{stream.shown}: trim is {setting!r}; it must be yes or no.")
    return setting == "yes"


def _order(at: str) -> tuple[int, int]:
    first, _, second = at.partition("-")
    return int(first), int(second or 0)


def _seconds(at: str) -> float:
    return _order(at)[0] / 1000
