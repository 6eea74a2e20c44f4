"""What a torture knows of a source, of a sink, and of the server that they lie on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from tests.streaming.judge import Delivered, Landed


class Goods(NamedTuple):
    """What is delivered: pictures, and of each what a reader that nobody disturbs makes of it."""

    contents: list[bytes]
    answers: dict[str, tuple[str | None, str]]
    """Value and status by the digest of the content."""


class Row(NamedTuple):
    """What any sink tells of a row."""

    key: str
    at: str
    digest: str | None
    value: str | None
    status: str


class Inlet(Protocol):
    """A source, as those see it who deliver."""

    where: str
    """SOURCE of the job."""
    words: tuple[str, ...]
    """Further options of the job."""

    def deliver(self, number: int) -> tuple[str, str] | None:
        """The key of that item and what names it there; None if it cannot be delivered now, or nobody knows."""
        ...

    def count(self) -> int:
        """How many items the source was given."""
        ...

    def delivered(self) -> list[Delivered]:
        """All of them in their order, in the end."""
        ...

    def landed(self, row: Row) -> Landed:
        """The row with what names its item here."""
        ...


class Outlet(Protocol):
    """A sink, as those see it who read the rows."""

    where: str
    """OUTPUT of the job."""
    words: tuple[str, ...]

    def new_rows(self) -> Iterable[Row]:
        """Those that became visible since it was asked last; none while its server is away."""
        ...

    def rows(self) -> Iterable[Row]:
        """All that are there, in the order in which they became visible."""
        ...


class Broker(Protocol):
    """The server of a source or sink, and the way there."""

    faults: tuple[str, ...]

    def harm(self, kind: str) -> None: ...

    def inlet(self, goods: Goods) -> Inlet: ...

    def outlet(self) -> Outlet: ...


def which(number: int) -> int:
    """The picture of that item where one may be delivered again: some are at once, and some much later."""
    if number % 10 == 0:
        return number // 2
    return number - (number % 10 == 5)
