"""Which files a task reads: a few are named in the task, of many only their place in a list that all nodes see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa

from pipelines.files.remote import File
from pipelines.labeling.inputs.base import Kept


class Listing(Protocol):
    """The files of an input, in pieces, as a task gets at them."""

    def piece(self, number: int, start: int = 0, end: int | None = None) -> list[File]:
        """A piece, or a stretch of it."""
        ...

    def columns_of(self, number: int, start: int = 0, end: int | None = None) -> pa.Table | None:
        """The columns that are kept of these files' rows, if a table names them."""
        ...


class FileList(Listing, Protocol):
    """The files of an input, in pieces, as the driver has them."""

    @property
    def sizes(self) -> Sequence[int]:
        """The files of each piece."""
        ...

    @property
    def count(self) -> int: ...

    def fingerprint(self, kind: str, *settings: object) -> str:
        """A digest of the files, and of how they are read."""
        ...

    def keep(self, kept: Kept, name: str) -> Listing | None:
        """Make a long list known to the tasks; a short one, which has one piece, is in the tasks themselves."""
        ...


class Stretch(NamedTuple):
    """Consecutive files of a piece."""

    piece: int
    start: int
    end: int


Chosen = list[File] | Stretch
"""The files of a task."""


def choose(files: FileList, listing: Listing | None, size: int) -> Iterator[tuple[int, Chosen]]:
    """All files, so many for each task, and how many those are."""
    for number, count in enumerate(files.sizes):
        for start in range(0, count, size):
            end = min(start + size, count)
            yield end - start, files.piece(number, start, end) if listing is None else Stretch(number, start, end)


def chosen_files(listing: Listing | None, chosen: Chosen) -> list[File]:
    if isinstance(chosen, list):
        return chosen
    assert listing is not None
    return listing.piece(*chosen)


def kept_of(listing: Listing | None, chosen: Chosen) -> pa.Table | None:
    """The columns that are kept of what names these files."""
    return None if listing is None or isinstance(chosen, list) else listing.columns_of(*chosen)
