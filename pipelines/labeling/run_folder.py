"""The output folder of a run: which run it belongs to, its lock, what is done, and what was under way at a crash.

run.json        what this run labels, with what and how: another run is refused
rows/           the result, a file for each shard of the input
summary.json    the mark of a finished run, written last
report.html     the same for people
wide.csv, overlay/, crops/     of forms: a line a page, pages with what was read on them, fields as pictures
.work/          the lock, marks of shards under way, what the report needs of each shard, objects that Ray spilled
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.errors import InkrayError, UsageError
from pipelines.files.atomic import write_atomic
from pipelines.files.locks import HeldByAnother, locked
from pipelines.labeling.rows import SCHEMA, existing_shards, read_shard, read_shards, shard_name, write_shard

RUN, SUMMARY, REPORT, ROWS, WORK = "run.json", "summary.json", "report.html", "rows", ".work"
WIDE, OVERLAY, CROPS = "wide.csv", "overlay", "crops"
OURS = frozenset({RUN, SUMMARY, REPORT, ROWS, WORK, WIDE, OVERLAY, CROPS})
KEPT = f"{WORK}/kept"
"""Folder with what the report needs of each shard."""


@dataclass(frozen=True)
class LabelingRunFolder:
    path: Path
    format: str
    """Format of the files with rows: parquet, csv or jsonl."""
    schema: pa.Schema = SCHEMA

    @property
    def rows(self) -> Path:
        return self.path / ROWS

    @property
    def kept(self) -> Path:
        return self.path / KEPT

    @property
    def spilled(self) -> Path:
        """Holds pages only while the run goes on, or if it was killed."""
        return self.path / WORK / "spilled"

    @property
    def listing(self) -> Path:
        """Holds what the run knows of a long list of files or of their pages."""
        return self.path / WORK / "listing"

    def done(self) -> set[int]:
        return existing_shards(self.rows, self.format)

    def shards(self) -> Iterator[pa.Table]:
        """The rows, a shard at a time, in order."""
        return read_shards(self.rows, self.format, self.schema)

    def read(self, shard: int) -> pa.Table:
        return read_shard(self.rows / shard_name(shard, self.format), self.format, self.schema)

    def write(self, shard: int, rows: pa.Table, files: Mapping[str, bytes]) -> None:
        """Write the rows last, since a shard counts as done once its rows exist."""
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path / name, content)
        write_shard(self.rows, shard, rows, self.format)

    def summary(self) -> dict[str, Any] | None:
        try:
            return json.loads((self.path / SUMMARY).read_text())
        except FileNotFoundError:
            return None

    def finish(self, summary: dict[str, Any], report: str) -> None:
        write_atomic(self.path / REPORT, report.encode())
        write_atomic(self.path / SUMMARY, json.dumps(summary, indent=2).encode())

    @contextmanager
    def under_way(self, shard: int) -> Iterator[None]:
        """Leave a mark, with the id of this process, that stays if the process dies inside."""
        mark = self.path / WORK / "under-way" / f"{shard}-{os.getpid()}"
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def left_under_way(self) -> set[int]:
        """The shards in which a process died or was ended; removes their marks."""
        marks = list((self.path / WORK / "under-way").iterdir())
        for mark in marks:
            mark.unlink(missing_ok=True)
        return {int(mark.name.partition("-")[0]) for mark in marks} - self.done()


@contextmanager
def open_run(
    path: Path, format: str, identity: dict[str, Any], fresh: bool, schema: pa.Schema = SCHEMA
) -> Iterator[LabelingRunFolder]:
    """Lock the folder of this run, new or begun before; the folder of any other run is refused."""
    with ExitStack() as held:
        try:
            folder = _open(LabelingRunFolder(path, format, schema), identity, fresh, held)
        except OSError as error:
            raise UsageError(
                f"The output folder {path} cannot be written: {error.strerror or error}. Mend that, or name another."
            ) from error
        yield folder


def _open(folder: LabelingRunFolder, identity: dict[str, Any], fresh: bool, held: ExitStack) -> LabelingRunFolder:
    path = folder.path
    _check_ours(path)
    (path / WORK).mkdir(parents=True, exist_ok=True)
    _hold(path, held)
    if fresh:
        _empty(path)
    _check_identity(path, identity)
    # Of processes that were killed.
    shutil.rmtree(folder.spilled, ignore_errors=True)
    for needed in (folder.rows, folder.kept, folder.spilled, path / WORK / "under-way"):
        needed.mkdir(parents=True, exist_ok=True)
    for drafts in (folder.rows.glob(".part-*"), *(path.glob(f".{name}-*") for name in (RUN, REPORT, SUMMARY, WIDE))):
        for draft in drafts:
            draft.unlink(missing_ok=True)
    return folder


def _check_ours(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"{path} is a file; name a folder for the results.")
    # What is hidden is none of a user's results: drafts of a run that was killed, and what desktops leave in a folder.
    others = sorted(entry.name for entry in path.iterdir() if entry.name not in OURS and not entry.name.startswith("."))
    if others:
        raise UsageError(f"The folder {path} holds other things ({', '.join(others[:3])}); name a new or empty one.")


def _hold(path: Path, held: ExitStack) -> None:
    try:
        held.enter_context(locked(path / WORK / "lock", wait=False))
    except HeldByAnother as other:
        raise InkrayError(f"Another process ({other}) is labelling into {path}; wait for it, or end it.") from None


def _empty(path: Path) -> None:
    # The summary first, since with it a run counts as finished.
    for name in (SUMMARY, REPORT, WIDE):
        (path / name).unlink(missing_ok=True)
    for folder in (ROWS, OVERLAY, CROPS, KEPT, f"{WORK}/under-way", f"{WORK}/listing"):
        shutil.rmtree(path / folder, ignore_errors=True)
    (path / RUN).unlink(missing_ok=True)


def _check_identity(path: Path, identity: dict[str, Any]) -> None:
    try:
        before = json.loads((path / RUN).read_text())
    except FileNotFoundError:
        write_atomic(path / RUN, json.dumps(identity, indent=2).encode())
        return
    for name, value in identity.items():
        if before.get(name) != value:
            raise UsageError(
                f"{path} belongs to another run: its {name} is {before.get(name)!r}, and this one's is {value!r}. "
                "Name another folder, or start over in this one.",
                option="fresh",
            )
