"""The files of an input as they are listed: a short list stays in memory, a long one lies on disk in pieces."""

from __future__ import annotations

import heapq
import io
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DataError
from pipelines.files.remote import File, FilesDigest
from pipelines.labeling.inputs.base import Kept

PIECE = 20_000
"""Files of a piece: a task that reads some of them reads the whole piece of the list."""


WHOLE = "whole"
"""Written last, with the sizes of the pieces."""


class Spool:
    """Files in the order of their paths, none of which are held beyond a piece."""

    def __init__(self) -> None:
        self.count = 0
        self._digest = FilesDigest()
        self._held: list[File] = []
        self._file: IO[bytes] | None = None
        """Has no name, so that it is gone with this process, however that ends."""
        self._pieces: list[tuple[int, int]] = []
        """Where each piece begins in the file, and how long it is."""
        self._sizes: list[int] = []
        self._runs: list[int] = []
        """The first piece of each run of pieces that are in order."""
        self._last = ""

    def add(self, file: File) -> None:
        if len(self._held) == PIECE:
            self._put_down()
        self._held.append(file)
        self.count += 1

    def end(self) -> Spool:
        """Call after the last file; returns the spool to go on with, since these may not have come in order."""
        if not self._pieces:
            self._sort()
            return self
        self._put_down()
        if len(self._runs) == 1:
            return self
        starts = [*self._runs, len(self._pieces)]
        runs = (self._files(start, end) for start, end in pairwise(starts))
        return spooled(heapq.merge(*runs, key=attrgetter("path")))

    @property
    def sizes(self) -> list[int]:
        """The files of each piece."""
        return self._sizes or [len(self._held)]

    def fingerprint(self, kind: str, *settings: object) -> str:
        return self._digest.of(kind, *settings)

    def keep(self, kept: Kept, name: str) -> KeptListing | None:
        """Put a long list down where the tasks of all nodes find it; a short one is in the tasks themselves."""
        if not self._pieces:
            return None
        self.put_down(kept, name)
        return KeptListing(kept, name)

    def put_down(self, kept: Kept, name: str) -> None:
        if kept.get(f"{name}/{WHOLE}") is None:
            for number in range(len(self.sizes)):
                kept.put(_piece_name(name, number), self._packed(number))
            kept.put(f"{name}/{WHOLE}", json.dumps(self.sizes).encode())

    def piece(self, number: int, start: int = 0, end: int | None = None) -> list[File]:
        return decoded_files(self._packed(number), start, end) if self._pieces else self._held[start:end]

    def columns_of(self, number: int, start: int = 0, end: int | None = None) -> None:
        return None

    def __iter__(self) -> Iterator[File]:
        return self._files(0, len(self.sizes))

    def _files(self, start: int, end: int) -> Iterator[File]:
        for number in range(start, end):
            yield from self.piece(number)

    def _packed(self, number: int) -> bytes:
        if self._file is None:
            return encoded_files(self._held)
        start, length = self._pieces[number]
        return os.pread(self._file.fileno(), length, start)

    def _sort(self) -> None:
        self._held.sort(key=attrgetter("path"))
        for file in self._held:
            self._digest.add(file)

    def _put_down(self) -> None:
        self._sort()
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        if not self._runs or self._held[0].path < self._last:
            self._runs.append(len(self._pieces))
        content = encoded_files(self._held)
        self._pieces.append((self._file.tell(), len(content)))
        self._file.write(content)
        self._file.flush()
        self._sizes.append(len(self._held))
        self._last = self._held[-1].path
        self._held = []


@dataclass(frozen=True)
class KeptListing:
    """A list that lies where the run keeps things."""

    kept: Kept
    name: str

    def piece(self, number: int, start: int = 0, end: int | None = None) -> list[File]:
        content = self.kept.get(_piece_name(self.name, number))
        if content is None:
            raise DataError(
                f"Piece {number} of the list of files that the run keeps in its output is gone; start the run afresh."
            )
        return decoded_files(content, start, end)

    def columns_of(self, number: int, start: int = 0, end: int | None = None) -> None:
        return None


@dataclass(frozen=True)
class KeptFiles:
    """The files that a run, or an update of it, read or is to read, as it keeps them."""

    kept: Kept
    name: str
    sizes: tuple[int, ...]

    @property
    def count(self) -> int:
        return sum(self.sizes)

    def fingerprint(self, kind: str, *settings: object) -> str:
        return self.name

    def keep(self, kept: Kept, name: str) -> KeptListing | None:
        return KeptListing(self.kept, self.name) if len(self.sizes) > 1 else None

    def put_down(self, kept: Kept, name: str) -> None:
        return  # they are

    def piece(self, number: int, start: int = 0, end: int | None = None) -> list[File]:
        return KeptListing(self.kept, self.name).piece(number, start, end)

    def columns_of(self, number: int, start: int = 0, end: int | None = None) -> None:
        return None

    def __iter__(self) -> Iterator[File]:
        for number in range(len(self.sizes)):
            yield from self.piece(number)


def kept_files(kept: Kept, name: str) -> KeptFiles:
    sizes = kept.get(f"{name}/{WHOLE}")
    if sizes is None:
        raise DataError("The list of files that the run keeps in its output is gone; start the run afresh.")
    return KeptFiles(kept, name, tuple(json.loads(sizes)))


def _piece_name(name: str, number: int) -> str:
    return f"{name}/part-{number:06d}.parquet"


def spooled(files: Iterable[File]) -> Spool:
    spool = Spool()
    for file in files:
        spool.add(file)
    return spool.end()


def encoded_files(files: list[File]) -> bytes:
    # As bytes, since a name on this machine may be no UTF-8.
    paths = pa.array([os.fsencode(file.path) for file in files], pa.binary())
    sizes, times = (pa.array([getattr(file, name) for file in files], pa.int64()) for name in ("size", "changed"))
    content = io.BytesIO()
    pq.write_table(pa.table({"path": paths, "size": sizes, "changed": times}), content, compression="zstd")
    return content.getvalue()


def decoded_files(content: bytes, start: int = 0, end: int | None = None) -> list[File]:
    table = pq.read_table(io.BytesIO(content))
    # Before they become objects of Python, which takes longest.
    table = table.slice(start, (len(table) if end is None else end) - start)
    paths, sizes, times = (table[name].to_pylist() for name in ("path", "size", "changed"))
    return [File(os.fsdecode(path), size, time) for path, size, time in zip(paths, sizes, times, strict=True)]
