"""Images in a column of parquet files: tensors, raw bytes, or encoded images."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, repeat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import first_line
from pipelines.files.reading import changed_since, open_anywhere
from pipelines.files.remote import File, Location, fingerprint
from pipelines.images import SIDE, to_model_input
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs.base import (
    ALL,
    KIND,
    ROWS_PER_SHARD,
    FoundInput,
    Input,
    Items,
    Kept,
    ListedInput,
    ReadTask,
    Spread,
    decoded,
    not_empty,
    reason_of,
    unread,
    unreadable,
)
from pipelines.labeling.inputs.by_file import ByFile, ListedByFile
from pipelines.labeling.inputs.columns import RAW, choose_column, holds_images, tensor_shape
from pipelines.labeling.inputs.footers import (
    Footer,
    Groups,
    checked_groups,
    footer_of,
    footers_of,
    groups_of_all,
    keep_groups,
)
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS, chosen_columns, nulls, taken
from pipelines.labeling.inputs.sources import OnFilesystem
from pipelines.labeling.inputs.spool import KeptFiles, spooled

NULL = Reason(ReasonCode.MISSING_IMAGE, "it is null")
PARTLY_NULL = Reason(ReasonCode.MISSING_IMAGE, "some of its pixels are null")


class Tables(Input[Items]):
    kind = "parquet"

    def __init__(self, source: OnFilesystem, column: str, kept: pa.Schema = NO_COLUMNS) -> None:
        self._source, self._column, self._kept = source, column, kept

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        file, groups, row = task.payload
        names = list(dict.fromkeys([self._column, *self._kept.names]))
        parts = self._parts(file, groups, task.sizes, names)
        for shard, size in zip(task.shards, task.sizes, strict=True):
            part = next(parts)
            numbers = np.arange(row, row + size)
            row += size
            if shard in pending:
                yield self._read(shard, self._source.name(file), numbers[only], part, only)

    def _read(self, shard: int, source: str, numbers: NDArray[np.int64], part: pa.Table | Reason, only: slice) -> Items:
        if isinstance(part, Reason):
            items, kept = unread(shard, source, numbers, part), nulls(self._kept, len(numbers))
        else:
            items = _items(shard, source, numbers, _whole(part[self._column][only]))
            kept = taken(part[only], self._kept)
        return replace(items, kept=kept) if self._kept.names else items

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        file, _, row = task.payload
        return self._source.name(file), row + task.before(shard) + index

    def kept(self, task: ReadTask, shard: int, index: int) -> pa.Table | None:
        if not self._kept.names:
            return None
        file, groups, _ = task.payload
        parts = self._parts(file, groups, task.sizes, self._kept.names)
        part = next(islice(parts, shard - task.first, None))
        return nulls(self._kept, 1) if isinstance(part, Reason) else taken(part.slice(index, 1), self._kept)

    def _parts(
        self, file: File, groups: list[int], sizes: tuple[int, ...], names: list[str]
    ) -> Iterator[pa.Table | Reason]:
        """These columns in parts of these sizes; the reason in place of each part from the damage on."""
        changed = changed_since(self._source.filesystem, file)
        if changed and changed.changed:
            yield from repeat(reason_of(changed))
        try:
            with open_anywhere(self._source.filesystem, file.path) as opened:
                batches = pq.ParquetFile(opened).iter_batches(sizes[0], row_groups=groups, columns=names)
                yield from _in_sizes((pa.Table.from_batches([batch]) for batch in batches), sizes)
        except (OSError, pa.ArrowException) as error:
            yield from repeat(unreadable(f"its part of the file cannot be read: {first_line(error)}"))


def _in_sizes(tables: Iterator[pa.Table], sizes: tuple[int, ...]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for size in sizes:
        while sum(map(len, held)) < size:
            table = next(tables, None)
            if table is None:
                raise pa.ArrowInvalid("it has fewer rows than its footer declares")
            held.append(table)
        joined = held[0] if len(held) == 1 else pa.concat_tables(held)
        yield joined[:size]
        held = [joined[size:]] if len(joined) > size else []


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _items(shard: int, source: str, numbers: NDArray[np.int64], column: pa.Array) -> Items:
    shape = tensor_shape(column.type)
    if shape is None:
        return _from_bytes(shard, source, numbers, _binary(column))
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    values = storage.flatten()
    if storage.null_count == 0 and values.null_count == 0:
        pixels = values.to_numpy(zero_copy_only=False)
        return Items(shard, source, numbers, to_model_input(pixels.reshape(len(numbers), *shape)))
    values = storage.drop_null().flatten()
    there = storage.is_valid().to_numpy(zero_copy_only=False)
    holes = np.zeros(len(numbers), np.bool_)
    holes[there] = values.is_null().to_numpy(zero_copy_only=False).reshape(-1, math.prod(shape)).any(1)
    images = np.zeros((len(numbers), SIDE, SIDE), np.uint8)
    images[there] = to_model_input(values.fill_null(0).to_numpy(zero_copy_only=False).reshape(-1, *shape))
    images[holes] = 0
    reasons = [_hole(whole, hole) for whole, hole in zip(there.tolist(), holes.tolist(), strict=True)]
    return Items(shard, source, numbers, images, reasons)


def _hole(there: bool, hole: bool) -> Reason | None:
    if not there:
        return NULL
    return PARTLY_NULL if hole else None


def _binary(column: pa.Array) -> list[bytes | None]:
    return (column.field("bytes") if pa.types.is_struct(column.type) else column).to_pylist()


def _from_bytes(shard: int, source: str, numbers: NDArray[np.int64], values: list[bytes | None]) -> Items:
    """Decode a binary column: 784 bytes are raw pixels, anything else is an encoded image."""
    items = decoded(shard, source, numbers, (NULL if value is None else value for value in values))
    raw = [index for index, value in enumerate(values) if value is not None and len(value) == RAW]
    if not raw:
        return items
    pixels = np.frombuffer(b"".join(values[index] or b"" for index in raw), np.uint8).reshape(-1, SIDE, SIDE)
    items.images[raw] = to_model_input(pixels)
    reasons = list(items.reasons or [None] * len(items))
    for index in raw:
        reasons[index] = None
    return replace(items, reasons=reasons if any(reasons) else None)


FEW = 64
"""Files whose footers are read as they are listed, so that what is wrong is told before anything is begun."""


@dataclass(frozen=True)
class ListedTables(ListedByFile):
    source: OnFilesystem
    shown: str
    files: list[File]
    column: str
    groups: list[Groups] | None
    """The row groups of each file, if they are few."""
    columns: pa.Schema = NO_COLUMNS
    may_be_empty: bool = False
    """As what came to it may be."""

    @property
    def preparation(self) -> str | None:  # type: ignore[override]
        return None if self.groups is not None else f"counting the rows of {len(self.files):,} parquet files"

    @property
    def fingerprint(self) -> str:
        return fingerprint("parquet", self.files, self.column, ROWS_PER_SHARD)

    @property
    def settings(self) -> dict[str, object]:
        return {KIND: "parquet", "column of images": self.column}

    def by_file(self) -> ByFile:
        return ByFile(spooled(self.files), self.source.name, self._only)

    def _only(self, files: KeptFiles) -> ListedTables:
        return replace(self, files=list(files), groups=None, may_be_empty=True)

    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        name, groups = f"{self.fingerprint}/groups.json", self.groups
        if groups is None:
            check = partial(checked_groups, self.source, self.column, self.columns)
            groups = groups_of_all(check, self.files, kept, spread, name)
        else:
            keep_groups(groups, kept, name)
        found = self._cut(groups)
        return found if self.may_be_empty else not_empty(found, self.shown)

    def _cut(self, groups: list[Groups]) -> FoundInput:
        tasks: list[ReadTask] = []
        shard = 0
        for file, rows in zip(self.files, groups, strict=True):
            for task in _read_tasks(file, rows, shard):
                tasks.append(task)
                shard = task.shards.stop
        remarks = (f"images from the column {self.column!r}",)
        return FoundInput(Tables(self.source, self.column, self.columns), tasks, self.fingerprint, remarks)


def list_tables(where: Location, files: list[File], column: str | None, keep: Sequence[str] = ()) -> ListedInput:
    source = OnFilesystem(where.filesystem, where.prefix)
    column = column or _choose(source, files)
    columns = chosen_columns(footer_of(source, files[0]).schema, keep, source.name(files[0])) if keep else NO_COLUMNS
    if len(files) > FEW:
        return ListedTables(source, where.shown, files, column, None, columns)
    groups = checked_groups(source, column, columns, files)
    listed = ListedTables(source, where.shown, files, column, groups, columns)
    not_empty(listed._cut(groups), where.shown)
    return listed


def _choose(source: OnFilesystem, files: list[File]) -> str:
    """Choose the column by the first file that has images, or by the first file if none has."""
    first: Footer | None = None
    for file, footer in zip(files, footers_of(source, files), strict=True):
        first = first or footer
        if any(holds_images(field.type) for field in footer.schema):
            return choose_column(footer.schema, source.name(file))
    assert first is not None
    return choose_column(first.schema, source.name(files[0]))


def _read_tasks(file: File, rows_of_groups: Groups, shard: int) -> Iterator[ReadTask]:
    """Row groups merged until they make a shard; a large one is read as a whole and makes several."""
    groups: list[int] = []
    start = rows = 0
    for group, size in enumerate(rows_of_groups):
        groups.append(group)
        rows += size
        if rows >= ROWS_PER_SHARD or group == len(rows_of_groups) - 1:
            sizes = _balanced(rows)
            if sizes:
                yield ReadTask(shard, sizes, (file, groups, start))
            shard, start, rows, groups = shard + len(sizes), start + rows, 0, []


def _balanced(rows: int) -> tuple[int, ...]:
    if not rows:
        return ()
    size = math.ceil(rows / max(1, round(rows / ROWS_PER_SHARD)))
    return tuple(min(size, rows - start) for start in range(0, rows, size))
