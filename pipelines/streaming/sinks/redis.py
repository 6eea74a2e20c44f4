"""Rows as entries of a stream of Redis; positions lie beside it, and change in one script with the rows.

Each driver that takes the lead raises the term, and the script takes nothing of an older one. The lease only says who
leads and who waits.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import pyarrow as pa

from pipelines.errors import InkrayError, UsageError
from pipelines.labeling.rows import json_rows
from pipelines.streaming.redis_server import RedisStream, redis_errors_told
from pipelines.streaming.sink import SupersededError
from pipelines.streaming.sinks.redis_scripts import COMMIT, LEAD, RELEASE, RENEW
from pipelines.streaming.source import Position, Positions

LEASE_MS = 5_000
"""How long a driver that is gone still holds up another; whoever leads renews it with each commit, or each second."""
TRIM_S = 60.0
DAY_MS = 24 * 60 * 60 * 1000
CONFIGURED = {"appendonly": "yes", "appendfsync": "always"}


class RedisSink:
    def __init__(self, stream: RedisStream, keep_days: int | None = None) -> None:
        self.shown = stream.shown
        self._rows, self._keep_days = stream.name, keep_days
        self._redis = stream.connect()
        beside = [f"{stream.name}:{part}" for part in ("state", "positions", "lease")]
        self._state, self._positions, self._lease = beside
        self._keys = [*beside, stream.name]
        self._token = secrets.token_hex(8)
        self._term = 0
        self._number = 0
        """That of the last commit of which it is known that it was taken."""
        self._trimmed_at = 0.0

    def try_to_lead(self) -> Positions | None:
        with redis_errors_told(self.shown):
            self._check_server()
            answer: Any = self._redis.eval(LEAD, len(self._keys), *self._keys, self._token, LEASE_MS)
            if answer is None:
                return None
            self._term, self._number = map(int, answer)
            known: Any = self._redis.hgetall(self._positions)
        return {_key(field): Position(*json.loads(value)) for field, value in known.items()}

    def commit(self, rows: pa.Table, done: Positions, forgotten: Collection[str]) -> None:
        changed = [part for key, at in done.items() for part in (_field(key), json.dumps(at))]
        gone = [_field(key) for key in forgotten]
        self._send(COMMIT, self._number + 1, len(changed), *changed, len(gone), *gone, *json_rows(rows))
        self._number += 1

    def tidy(self) -> None:
        """Keep the lease, and retire old rows."""
        self._send(RENEW, self._number)
        now = time.monotonic()
        if self._keep_days is not None and now - self._trimmed_at > TRIM_S:
            self._trimmed_at = now
            today = int(time.time() * 1000) // DAY_MS
            with redis_errors_told(self.shown):
                self._redis.xtrim(self._rows, minid=(today - self._keep_days) * DAY_MS, approximate=True)

    def close(self) -> None:
        # A lease that cannot be given back ends by itself.
        with suppress(InkrayError), redis_errors_told(self.shown):
            self._redis.eval(RELEASE, 1, self._lease, self._token)
        self._redis.close()

    def _send(self, script: str, number: int, *content: str | bytes | int) -> None:
        """Have the server do it, if this driver leads and the commit before that number was taken."""
        with redis_errors_told(self.shown):
            answer: Any = self._redis.eval(
                script, len(self._keys), *self._keys, self._token, LEASE_MS, self._term, number, *content
            )
        if answer == b"superseded":
            raise SupersededError(f"Another process writes the rows in {self.shown} now; leave them to that one.")
        if answer == b"lost":
            raise InkrayError(
                f"{self.shown} lost commits that it had confirmed, as a server does that was restored from a copy; "
                "start the stream again, which goes on from the positions that the server has."
            )

    def _check_server(self) -> None:
        """Refuse a server that may forget what it has confirmed."""
        known: Any = self._redis.config_get(*CONFIGURED, "maxmemory-policy")
        wrong = {name: known.get(name, "unknown") for name, value in CONFIGURED.items() if known.get(name) != value}
        if wrong:
            has = ", ".join(f"{name} {value}" for name, value in wrong.items())
            mend = ", ".join(f"{name} {CONFIGURED[name]}" for name in wrong)
            raise UsageError(f"{self.shown} may forget what it has confirmed, since it has {has}; set {mend}.")
        if known.get("maxmemory-policy", "").startswith("allkeys"):
            raise UsageError(
                f"{self.shown} may throw away rows and positions when its memory is full, since it has "
                f"maxmemory-policy {known['maxmemory-policy']}; set maxmemory-policy noeviction."
            )
        kinds = {"hash": (self._state, self._positions), "string": (self._lease,), "stream": (self._rows,)}
        for kind, keys in kinds.items():
            for key in keys:
                found: Any = self._redis.type(key)
                if found not in (kind.encode(), b"none"):
                    raise UsageError(f"{self.shown}: the key {key} is no {kind}; name another stream.")


def _field(key: str) -> bytes:
    return key.encode(errors="surrogateescape")


def _key(field: bytes) -> str:
    return field.decode(errors="surrogateescape")
