"""The output of a run, in a folder or an object store: whose it is, what is done, what was under way at a crash.

run.json        what this run labels, with what and how: another run is refused
rows/           the result, a file for each shard of the input, or several of which the latest counts
summary.json    the mark of a finished run, written last
report.html     the same for people
wide.csv, overlay/, crops/     of forms: a line a page, pages with what was read on them, fields as pictures
.work/          the lock, marks of shards under way, what the report needs of each shard, objects that Ray spilled
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.errors import InkrayError, UsageError
from pipelines.files.locks import HeldByAnother
from pipelines.files.places import open_storage
from pipelines.files.storage import Storage
from pipelines.labeling.rows import SCHEMA, content_of, encode, read_shard, shard_files, shard_name
from pipelines.labeling.run_file import RUN, Part, next_part, parts_of, run_id

SUMMARY, REPORT, ROWS, WORK = "summary.json", "report.html", "rows", ".work"
WIDE, OVERLAY, CROPS = "wide.csv", "overlay", "crops"
OURS = frozenset({RUN, SUMMARY, REPORT, ROWS, WORK, WIDE, OVERLAY, CROPS})
KEPT = f"{WORK}/kept"
"""Folder with what the report needs of each shard."""
UNDER_WAY = f"{WORK}/under-way"
GROUP = 16
"""Shards that are summed up at a time: enough to be worth a task, and few enough to keep all cores busy."""
LISTING = f"{WORK}/listing"
"""Holds what the run knows of its files and of their pages."""
UNMARKED = f"{WORK}/unmarked"
"""Holds what stood in rows before a check across pages marked them."""


class Group(NamedTuple):
    """Consecutive shards that are summed up together, and what was kept of them."""

    shards: tuple[int, ...] = ()
    kept: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """The files with the rows of these shards."""
    part: int = 0
    """The number of the update that they are of; 0 of none."""


@dataclass(frozen=True)
class LabelingRunFolder:
    place: Storage
    format: str
    """Format of the files with rows: parquet, csv or jsonl."""
    schema: pa.Schema = SCHEMA
    parts: tuple[Part, ...] = (Part(),)
    """What the run read, and each update of it; the last may be under way."""

    @property
    def update(self) -> int:
        """The number of the update that was begun last; 0 before the first."""
        return len(self.parts) - 1

    @property
    def part(self) -> Part:
        return self.parts[-1]

    def begin_update(self, part: Part) -> LabelingRunFolder:
        """The same run, which has another part of its input to read from now on."""
        self.check_held()
        next_part(self.place, part)
        return replace(self, parts=(*self.parts, part))

    def done(self) -> set[int]:
        return set(self._files())

    def shards(self, group: Group | None = None) -> Iterator[pa.Table]:
        """The rows, all or those of a group, a shard at a time, in order."""
        return map(self.read, self._files().values() if group is None else group.files)

    def read(self, file: str) -> pa.Table:
        return read_shard(self.place, f"{ROWS}/{file}", self.format, self.schema)

    def write(self, shard: int, rows: pa.Table, files: Mapping[str, bytes]) -> None:
        """Write the rows last, since a shard counts as done once its rows exist.

        Rows that are there stay: whoever is at the same shard once more has read the same, or was given up.
        """
        for name, content in files.items():
            self.place.put(name, content)
        self.place.put_new(self._file(shard), encode(rows, self.format))

    def replace(self, shard: int, rows: pa.Table) -> None:
        self.place.put(self._file(shard), encode(rows, self.format))

    def write_anew(self, shard: int, rows: pa.Table) -> None:
        """The rows of a shard of an earlier part, unless this update wrote them before."""
        self.place.put_new(self._file(shard), encode(rows, self.format))

    def groups(self, before: bool = False) -> list[Group]:
        """All shards that are done, in order, none with those of another part; or as they were before this update."""
        files, kept = self._files(before), defaultdict(list)
        for name in self.place.names(KEPT):
            if not name.startswith("."):
                kept[int(name.partition("-")[0])].append(name)
        firsts = [part.first for part in self.parts]
        parts = [list(shards) for _, shards in groupby(files, partial(bisect_right, firsts))]
        cuts = [tuple(part[start : start + GROUP]) for part in parts for start in range(0, len(part), GROUP)]
        return [
            Group(
                some,
                tuple(name for shard in some for name in kept[shard]),
                tuple(files[shard] for shard in some),
                bisect_right(firsts, some[0]) - 1,
            )
            for some in cuts
        ]

    def kept(self, group: Group) -> Iterator[bytes]:
        """What the report needs of these shards, in order."""
        for name in group.kept:
            content = self.place.get(f"{KEPT}/{name}")
            if content is not None:
                yield content

    def write_file(self, name: str, content: bytes | Iterable[bytes]) -> None:
        self.place.put(name, content)

    def has(self, name: str) -> bool:
        return self.place.exists(name)

    def summary(self) -> dict[str, Any] | None:
        """None while the run, or the update that was begun last, is not finished."""
        content = self.place.get(SUMMARY)
        found = None if content is None else json.loads(content)
        return found if found and found.get("update", 0) == self.update else None

    def check_held(self) -> None:
        """An error if another process took the run over."""
        self.place.check_locked()

    def finish(self, summary: dict[str, Any], report: str) -> None:
        self.check_held()
        self.place.put(REPORT, report.encode())
        self.place.put(SUMMARY, json.dumps(summary, indent=2).encode())
        # Of processes that were killed.
        self.place.delete(UNDER_WAY)
        self.tidy()

    def tidy(self) -> None:
        """Delete the rows that an update replaced, which are needed until it is finished, and lists that none reads."""
        names = self.place.names(ROWS)
        for name in set(names) - set(shard_files(names, self.format).values()):
            if shard_files([name], self.format):
                self.place.delete(f"{ROWS}/{name}")
        for name in set(self.place.names(LISTING)) - {part.files for part in self.parts}:
            self.place.delete(f"{LISTING}/{name}")

    def spilled(self) -> AbstractContextManager[Path | None]:
        """A folder for objects of Ray; it holds pages only while the run goes on, or if it was killed.

        None leaves them to Ray's own folder, where the run is not on this machine.
        """
        return self.place.scratch(f"{WORK}/spilled")

    @contextmanager
    def under_way(self, shard: int) -> Iterator[None]:
        """Leave a mark, with the id of this process, that stays if the process dies inside."""
        mark = f"{UNDER_WAY}/{shard}-{os.getpid()}"
        self.place.put(mark, b"")
        try:
            yield
        finally:
            self.place.delete(mark)

    def left_under_way(self) -> set[int]:
        """The shards in which a process died or was ended; removes their marks."""
        marks = self.place.names(UNDER_WAY)
        for mark in marks:
            self.place.delete(f"{UNDER_WAY}/{mark}")
        shards = (mark.partition("-")[0] for mark in marks)
        return {int(shard) for shard in shards if shard.isdecimal()} - self.done()

    def content(self, file: str) -> bytes:
        """The rows of a shard as they lie there."""
        return content_of(self.place, f"{ROWS}/{file}")

    @property
    def run_id(self) -> str:
        """Tells this run, with all its updates, from any other that may have been in its place."""
        return run_id(content_of(self.place, RUN))

    def _files(self, before: bool = False) -> dict[int, str]:
        names = self.place.names(ROWS)
        if not before:
            return shard_files(names, self.format)
        files = shard_files(names, self.format, self.update)
        return {shard: name for shard, name in files.items() if shard < self.part.first}

    def _file(self, shard: int) -> str:
        """Where rows of a shard are written: those of earlier parts under a new name, since others may read them."""
        return f"{ROWS}/{shard_name(shard, self.format, self.update if shard < self.part.first else 0)}"


@contextmanager
def open_run(
    where: Path | str,
    format: str,
    identity: dict[str, Any],
    fresh: bool,
    schema: pa.Schema = SCHEMA,
    update: bool = False,
) -> Iterator[LabelingRunFolder]:
    """Lock the folder of this run, new or begun before; the folder of any other run is refused.

    With `update`, the files of its input may have become others.
    """
    folder = LabelingRunFolder(open_storage(where), format, schema)
    with ExitStack() as held:
        try:
            folder = replace(folder, parts=_open(folder.place, identity, fresh, update, held))
        except OSError as error:
            raise UsageError(
                f"The output folder {folder.place.shown} cannot be written: {error.strerror or error}. Mend that, or "
                "name another."
            ) from error
        yield folder


def _open(place: Storage, identity: dict[str, Any], fresh: bool, update: bool, held: ExitStack) -> tuple[Part, ...]:
    _check_ours(place)
    try:
        held.enter_context(place.locked(f"{WORK}/lock"))
    except HeldByAnother as other:
        raise InkrayError(
            f"Another process ({other}) is labelling into {place.shown}; wait for it, or end it."
        ) from None
    if fresh:
        _empty(place)
    parts = parts_of(place, identity, update)
    place.clear_drafts("", ROWS, WORK, KEPT, UNDER_WAY)
    return parts


def _check_ours(place: Storage) -> None:
    try:
        there = place.names()
    except NotADirectoryError:
        if not place.exists(""):
            raise
        raise UsageError(f"{place.shown} is a file; name a folder for the results.") from None
    # What is hidden is none of a user's results: drafts of a run that was killed, and what desktops leave in a folder.
    others = [name for name in there if name not in OURS and not name.startswith(".")]
    if others:
        raise UsageError(
            f"The folder {place.shown} holds other things ({', '.join(others[:3])}); name a new or empty one."
        )


def _empty(place: Storage) -> None:
    # The summary first, since with it a run counts as finished; what run it was last, so that an end here is mended.
    for name in (SUMMARY, REPORT, WIDE, ROWS, OVERLAY, CROPS, KEPT, UNDER_WAY, LISTING, UNMARKED, RUN):
        place.delete(name)
