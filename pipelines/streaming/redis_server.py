"""A Redis server and a stream in it as a user names them, and its errors as sources and sinks tell them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)
from redis.retry import Retry

from pipelines.errors import DataError, InkrayError, UsageError, first_line
from pipelines.files.remote import display_name

PORT = 6379
TIMEOUT_S = 5.0
PASSING = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, ClusterDownError)
"""Errors that end when the server is there, has room, or leads again."""
PASSING_CODES = ("MISCONF ", "BUSY ", "NOREPLICAS ")
"""The same for errors that the library has no class for."""


@dataclass(frozen=True)
class RedisStream:
    """A stream by its URI, `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]?stream=NAME`, and further settings in it."""

    parts: SplitResult = field(repr=False)
    shown: str
    """Without user and password."""
    name: str
    settings: Mapping[str, str]

    @classmethod
    def parse(cls, where: str, known: Collection[str] = ()) -> RedisStream:
        """Refuses what is no such URI, in words without the password."""
        parts, server = urlsplit(where), display_name(where)
        settings = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not (name := settings.pop("stream", "")):
            raise UsageError(f"{server} names no stream; add it: {server}?stream=NAME.")
        for one in settings:
            if one not in known:
                raise UsageError(f"{server}: there is no setting {one!r}; known: {', '.join(('stream', *known))}.")
        database = parts.path.strip("/")
        if not _has_port(parts) or not parts.hostname or not (database.isdecimal() or not database):
            raise UsageError(f"{server} is no place of a Redis server, which is redis://HOST:PORT/NUMBER?stream=NAME.")
        return cls(parts, f"{server}?stream={name}", name, settings)

    @property
    def place(self) -> tuple[object, ...]:
        """The same for two that are the same."""
        return self.parts.hostname, self.parts.port or PORT, int(self.parts.path.strip("/") or 0), self.name

    def connect(self) -> Redis:
        """Nothing is asked of the server yet."""
        password = unquote(self.parts.password) if self.parts.password else os.environ.get("REDISCLI_AUTH")
        return Redis(
            self.parts.hostname or "",
            self.parts.port or PORT,
            int(self.parts.path.strip("/") or 0),
            username=unquote(self.parts.username) if self.parts.username else None,
            password=password or None,
            ssl=self.parts.scheme == "rediss",
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # Who asks again is the driver, which tells of it.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


@contextmanager
def redis_errors_told(shown: str) -> Iterator[None]:
    """`DataError` for what may pass, as for every source and sink, and `InkrayError` for what a person has to mend."""
    try:
        yield
    except (AuthenticationError, NoPermissionError) as error:
        # The library counts the first among the errors of connections.
        raise InkrayError(
            f"{shown} refuses this user: {first_line(error)}; name user and password in the URI, or the password in "
            "REDISCLI_AUTH, and give the user the commands that it lacks."
        ) from error
    except RedisError as error:
        text = f"{shown} does not do what it is asked: {first_line(error)}."
        raise (DataError if _passes(error) else InkrayError)(text) from error


def _passes(error: RedisError) -> bool:
    return isinstance(error, PASSING) or str(error).startswith(PASSING_CODES)
