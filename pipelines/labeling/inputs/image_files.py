"""Image files, one digit in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.labeling.inputs.base import (
    ALL,
    FILES_PER_SHARD,
    KIND,
    FoundInput,
    Input,
    Items,
    Kept,
    ReadTask,
    Spread,
    decoded,
)
from pipelines.labeling.inputs.by_file import ByFile, ListedByFile
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS
from pipelines.labeling.inputs.listing import Listing, choose, chosen_files, kept_of
from pipelines.labeling.inputs.sources import FileSource, contents
from pipelines.labeling.inputs.spool import KeptFiles, Spool
from pipelines.labeling.inputs.uris import UriTables, column_of

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
MIN_SHARDS = 16
"""Shards of a small input, so that all readers get some of it."""
LEAST_HERE, LEAST_ELSEWHERE = 500, 50
"""Fewest files of a shard but the last: on a disk so many are read in a tenth of the time that a shard costs itself."""


class ImageFiles(Input[Items]):
    kind = "images"

    def __init__(self, source: FileSource, listing: Listing | None) -> None:
        self._source, self._listing = source, listing

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        if task.first in pending:
            files = chosen_files(self._listing, task.payload)[only]
            sources = [self._source.name(file) for file in files]
            items = decoded(task.first, sources, np.zeros(len(files), np.int64), contents(self._source, files))
            kept = kept_of(self._listing, task.payload)
            yield items if kept is None else replace(items, kept=kept[only])

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        return self._source.name(chosen_files(self._listing, task.payload)[index]), 0

    def kept(self, task: ReadTask, shard: int, index: int) -> pa.Table | None:
        kept = kept_of(self._listing, task.payload)
        return None if kept is None else kept.slice(index, 1)


def files_per_shard(count: int, is_local: bool) -> int:
    least = LEAST_HERE if is_local else LEAST_ELSEWHERE
    return min(FILES_PER_SHARD, max(least, -(-count // MIN_SHARDS)))


@dataclass(frozen=True)
class ListedImages(ListedByFile):
    source: FileSource
    files: Spool | KeptFiles | UriTables
    remarks: tuple[str, ...]
    columns: pa.Schema = NO_COLUMNS

    @property
    def size(self) -> int:
        return files_per_shard(self.files.count, self.source.is_local)

    @property
    def fingerprint(self) -> str:
        return self.files.fingerprint("images", self.size)

    @property
    def settings(self) -> dict[str, object]:
        return {KIND: "images", **column_of(self.files)}

    def by_file(self) -> ByFile | None:
        # What a table names is in no order, and has no size or time before it is read.
        if isinstance(self.files, UriTables):
            return None
        return ByFile(self.files, self.source.name, self._only)

    def _only(self, files: KeptFiles) -> ListedImages:
        return replace(self, files=files)

    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        listing = self.files.keep(kept, self.fingerprint)
        chosen = enumerate(choose(self.files, listing, self.size))
        tasks = [ReadTask(number, (size,), files) for number, (size, files) in chosen]
        return FoundInput(ImageFiles(self.source, listing), tasks, self.fingerprint, self.remarks)
