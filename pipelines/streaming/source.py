"""The contract of every endless source: items with positions, which are told as done only when their rows are in the
sink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from pipelines.inference.outcome import Reason, ReasonCode


class Position(NamedTuple):
    """How far a key is done."""

    at: str
    """The item's place within its key as the source spells it: a version, an offset, an id."""
    failed: bool = False
    """Whether the item at that place could not be read: all of its rows are errors."""


Positions = Mapping[str, Position]
"""The last position of each key."""


class Readable(Protocol):
    """Content that is read where it is needed; it travels to another process."""

    waits: ClassVar[bool]
    """Whether reading is mostly waiting, so that many are read at a time."""

    def read(self) -> bytes | Reason:
        """The bytes of the very version that arrived, or why they cannot be had.

        An `InkrayError` ends the driver, and the item is read at the next start: an outage that does not pass.
        """
        ...


@dataclass(frozen=True)
class NoImage:
    """An entry or a message without an image."""

    text: str
    waits: ClassVar[bool] = False

    def read(self) -> bytes | Reason:
        return Reason(ReasonCode.MISSING_IMAGE, self.text)


class Arrival(NamedTuple):
    """An item that arrived: an encoded image, or a scan of one or more pages."""

    key: str
    """What order is kept within: a path, a stream, a partition."""
    at: str
    """Its place within the key, which no other item of the key ever has."""
    name: str
    """The `source` of its rows."""
    arrived_at: float
    """When it landed, in seconds of the epoch, as the source tells."""
    content: bytes | Readable


class Lag(NamedTuple):
    """What waits at the source and was not yet polled."""

    items: int
    oldest_s: float | None
    """Seconds since the oldest of them arrived; None where none waits, or the source cannot tell."""


class StreamSource(Protocol):
    """Where items come from. All calls come from one thread, that of the driver which leads.

    An outage that may pass (a broker that restarts, a share that is away) is `DataError` from `poll`, `commit` or
    `lag`; the driver says so, waits and asks again. Any other error ends the driver.
    """

    shown: str
    """The place in messages, without any password."""

    def open(self, committed: Positions) -> None:
        """Begin after what the sink has.

        First repeats `commit` for all of `committed`, which a driver that was killed may not have done. Nothing at or
        before a committed position is polled again.
        """
        ...

    def poll(self, limit: int, timeout_s: float) -> list[Arrival]:
        """At most so many items that no earlier poll gave, in the order of each key; none if none came in time.

        Whatever was polled and not committed when the driver died is given again to the next one.
        """
        ...

    def commit(self, done: Positions) -> list[str]:
        """The rows up to these positions are in the sink: move, acknowledge or forget their items.

        May be repeated, and may name what is gone. Returns the keys that never come again, whose positions the sink
        may forget.
        """
        ...

    def lag(self) -> Lag: ...

    def close(self) -> None: ...
