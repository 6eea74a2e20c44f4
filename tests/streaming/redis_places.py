"""A Redis server with the streams that are read and written, from the outside; the job comes to it by a relay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from tests.redis_server import RedisServer, free_port
from tests.relay import Relay, relay_to
from tests.streaming.generator import digest_of
from tests.streaming.judge import Delivered, Landed
from tests.streaming.places import Goods, Row, which

SCANS, LABELS = "scans", "labels"
TOGETHER = 1_000


class RedisBroker:
    faults = ("redis", "cut", "answer")
    """The server is killed and started anew on its data; all connections are cut; an answer is lost."""

    def __init__(self, server: RedisServer, relay: Relay) -> None:
        self._server, self._relay = server, relay

    def harm(self, kind: str) -> None:
        if kind == "redis":
            self._server.kill()
            self._server.start()
        elif kind == "cut":
            self._relay.cut()
        else:
            self._relay.lose_next_answer()

    def inlet(self, goods: Goods) -> RedisInlet:
        return RedisInlet(self._server, self._uri(SCANS, "&group=readers"), goods)

    def outlet(self) -> RedisOutlet:
        return RedisOutlet(self._server, self._uri(LABELS))

    def _uri(self, name: str, more: str = "") -> str:
        return self._server.uri(name, more, port=self._relay.port)


class RedisInlet:
    words = ()

    def __init__(self, server: RedisServer, where: str, goods: Goods) -> None:
        self._server, self.where, self._goods = server, where, goods

    def deliver(self, number: int) -> tuple[str, str] | None:
        """If the answer is lost the entry may be there all the same, and is delivered again as an item of its own."""
        content = self._goods.contents[which(number)]
        try:
            at: Any = self._server.client.xadd(SCANS, {"image": content})
        except RedisError:
            return None
        return SCANS, _named(at.decode(), digest_of(content))

    def count(self) -> int:
        found: Any = self._server.client.xlen(SCANS)
        return int(found)

    def delivered(self) -> list[Delivered]:
        found = []
        for at, fields in _entries(self._server, SCANS, "-"):
            digest = digest_of(fields[b"image"])
            found.append(Delivered(SCANS, _named(at, digest), *self._goods.answers[digest]))
        return found

    def landed(self, row: Row) -> Landed:
        return Landed(row.key, row.digest and _named(row.at, row.digest), row.value, row.status)


class RedisOutlet:
    words = ()

    def __init__(self, server: RedisServer, where: str) -> None:
        self._server, self.where = server, where
        self._seen = "-"

    def new_rows(self) -> Iterator[Row]:
        with suppress(RedisError):
            for at, fields in _entries(self._server, LABELS, self._seen):
                self._seen = f"({at}"
                yield _row(fields)

    def rows(self) -> Iterator[Row]:
        for _, fields in _entries(self._server, LABELS, "-"):
            yield _row(fields)


@contextmanager
def redis_broker(folder: Path) -> Iterator[RedisBroker]:
    folder.mkdir()
    server = RedisServer(folder, free_port())
    server.start()
    try:
        with relay_to(server.port) as relay:
            yield RedisBroker(server, relay)
    finally:
        server.client.close()
        server.kill()


def _named(at: str, digest: str) -> str:
    """An entry with the content that it had: a row of another is foreign."""
    return f"{at} {digest}"


def _entries(server: RedisServer, name: str, start: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
    while True:
        some: Any = server.client.xrange(name, start, count=TOGETHER)
        for at, fields in some:
            yield at.decode(), fields
        if len(some) < TOGETHER:
            return
        start = f"({some[-1][0].decode()}"


def _row(fields: dict[bytes, bytes]) -> Row:
    row = json.loads(fields[b"row"])
    return Row(*(row[name] for name in Row._fields))
