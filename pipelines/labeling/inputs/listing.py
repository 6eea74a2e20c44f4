"""Which files a task reads: a few are named in the task, of many only their place in a list that the run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pipelines.errors import DataError
from pipelines.files.remote import File
from pipelines.labeling.inputs.base import Kept
from pipelines.labeling.inputs.spool import Spool, decoded_files


class Listing(Protocol):
    """The files of an input, in pieces."""

    def piece(self, number: int) -> list[File]: ...


class Stretch(NamedTuple):
    """Consecutive files of a piece."""

    piece: int
    start: int
    end: int


Chosen = list[File] | Stretch
"""The files of a task."""


@dataclass(frozen=True)
class KeptListing:
    """A list that lies where the run keeps things, for tasks on all nodes."""

    kept: Kept
    name: str

    def piece(self, number: int) -> list[File]:
        content = self.kept.get(_piece_name(self.name, number))
        if content is None:
            raise DataError(
                f"Piece {number} of the list of files that the run keeps in its output is gone; start the run afresh."
            )
        return decoded_files(content)


def keep(spool: Spool, kept: Kept, name: str) -> Listing | None:
    """Keep a long list of files where tasks find it; a short one is in the tasks themselves."""
    if spool.pieces == 1:
        return None
    if kept.get(f"{name}/whole") is None:
        for number in range(spool.pieces):
            kept.put(_piece_name(name, number), spool.packed(number))
        kept.put(f"{name}/whole", b"")
    return KeptListing(kept, name)


def _piece_name(name: str, number: int) -> str:
    return f"{name}/part-{number:06d}.parquet"


def choose(spool: Spool, size: int) -> Iterator[tuple[int, Chosen]]:
    """All files, so many for each task, and how many those are."""
    for number, count in enumerate(spool.sizes):
        for start in range(0, count, size):
            end = min(start + size, count)
            yield end - start, spool.piece(0)[start:end] if spool.pieces == 1 else Stretch(number, start, end)


def chosen_files(listing: Listing | None, chosen: Chosen) -> list[File]:
    if isinstance(chosen, list):
        return chosen
    assert listing is not None
    return listing.piece(chosen.piece)[chosen.start : chosen.end]
