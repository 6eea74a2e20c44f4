"""Images in a column of parquet files: tensors, raw bytes, or encoded images."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from pipelines.errors import DataError, UsageError, first_line
from pipelines.files.paths import printable
from pipelines.files.reading import changed_since, open_anywhere
from pipelines.files.remote import File, Location, fingerprint, of_kind
from pipelines.images import SIDE, to_model_input
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs.base import (
    ALL,
    ROWS_PER_SHARD,
    FoundInput,
    Input,
    Items,
    ReadTask,
    decoded,
    reason_of,
    unread,
    unreadable,
)

NULL = Reason(ReasonCode.MISSING_IMAGE, "it is null")
PARTLY_NULL = Reason(ReasonCode.MISSING_IMAGE, "some of its pixels are null")
USUAL_NAMES = ("image", "images", "img", "pixels", "png", "jpeg")
RAW = SIDE * SIDE
Footer = tuple[pq.FileMetaData, pa.Schema]


class Tables(Input[Items]):
    kind = "parquet"

    def __init__(self, filesystem: fs.FileSystem, prefix: str, column: str) -> None:
        self._filesystem, self._prefix, self._column = filesystem, prefix, column

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        file, groups, row = task.payload
        shards = self._columns(file, groups, task.sizes)
        for shard, size in zip(task.shards, task.sizes, strict=True):
            column = next(shards)
            numbers = np.arange(row, row + size)
            row += size
            if shard in pending:
                chosen = column if isinstance(column, Reason) else column[only]
                yield _items(shard, self._named(file), numbers[only], chosen)

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        file, _, row = task.payload
        return self._named(file), row + task.before(shard) + index

    def _named(self, file: File) -> str:
        return printable(self._prefix + file.path)

    def _columns(self, file: File, groups: list[int], sizes: tuple[int, ...]) -> Iterator[pa.Array | Reason]:
        """The column in arrays of these sizes; the reason in place of each array from the damage on."""
        changed = changed_since(self._filesystem, file)
        if changed and changed.changed:
            yield from repeat(reason_of(changed))
        try:
            with open_anywhere(self._filesystem, file.path) as opened:
                batches = pq.ParquetFile(opened).iter_batches(sizes[0], row_groups=groups, columns=[self._column])
                yield from _in_sizes((batch.column(0) for batch in batches), sizes)
        except (OSError, pa.ArrowException) as error:
            yield from repeat(unreadable(f"its part of the file cannot be read: {first_line(error)}"))


def _in_sizes(arrays: Iterator[pa.Array], sizes: tuple[int, ...]) -> Iterator[pa.Array]:
    held: list[pa.Array] = []
    for size in sizes:
        while sum(map(len, held)) < size:
            array = next(arrays, None)
            if array is None:
                raise pa.ArrowInvalid("it has fewer rows than its footer declares")
            held.append(array)
        joined = held[0] if len(held) == 1 else pa.concat_arrays(held)
        yield joined[:size]
        held = [joined[size:]] if len(joined) > size else []


def _items(shard: int, source: str, numbers: NDArray[np.int64], column: pa.Array | Reason) -> Items:
    if isinstance(column, Reason):
        return unread(shard, source, numbers, column)
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


def tensor_shape(kind: pa.DataType) -> tuple[int, ...] | None:
    """The shape of one image if the column holds pixels, None if it holds encoded images."""
    if isinstance(kind, pa.BaseExtensionType):
        shape = tuple(getattr(kind, "shape", ()))
        grey, colour = len(shape) == 2, len(shape) == 3 and shape[2] in (1, 3)
        return shape if (grey or colour) and all(shape) else None
    if pa.types.is_fixed_size_list(kind) and pa.types.is_integer(kind.value_type):
        side = math.isqrt(kind.list_size)
        return (side, side) if side and side * side == kind.list_size else None
    return None


def _holds_images(kind: pa.DataType) -> bool:
    if tensor_shape(kind) is not None or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    if pa.types.is_fixed_size_binary(kind):
        return kind.byte_width == RAW
    return pa.types.is_struct(kind) and any(field.name == "bytes" and _holds_images(field.type) for field in kind)


def check_column(schema: pa.Schema, name: str, shown: str) -> None:
    if name not in schema.names:
        raise UsageError(f"{shown} has no column {name!r}; it has {_columns_of(schema)}.")
    kind = schema.field(name).type
    # What has no value in the whole file has no type either; such rows are errors, and other files may have images.
    if not _holds_images(kind) and not pa.types.is_null(kind):
        raise UsageError(f"The column {name!r} of {shown} holds no images; it is {kind}.")


def _columns_of(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def choose_column(schema: pa.Schema, shown: str) -> str:
    fitting = [field.name for field in schema if _holds_images(field.type)]
    if len(fitting) == 1:
        return fitting[0]
    usual = [name for name in fitting if name.lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    if fitting:
        raise UsageError(
            f"{shown} has several columns that may hold images ({', '.join(fitting)}); name one of them.",
            option="column",
        )
    raise UsageError(
        f"{shown} has no column of images (tensors, 784 bytes, or encoded files); it has {_columns_of(schema)}."
    )


def find_tables(where: Location, files: list[File], column: str | None) -> FoundInput:
    tables = of_kind(files, (".parquet",))
    footers = {file: _footer(where, file) for file in tables}
    chosen = column or _choose(where, footers)
    tasks: list[ReadTask] = []
    shard = 0
    for file, (metadata, schema) in footers.items():
        check_column(schema, chosen, printable(where.prefix + file.path))
        for task in _read_tasks(file, metadata, shard):
            tasks.append(task)
            shard = task.shards.stop
    remarks = (f"images from the column {chosen!r}",)
    found = Tables(where.filesystem, where.prefix, chosen)
    return FoundInput(found, tasks, fingerprint("parquet", tables, chosen, ROWS_PER_SHARD), remarks)


def _choose(where: Location, footers: dict[File, Footer]) -> str:
    """Choose the column by the first file that has images, or by the first file if none has."""
    with_images = (file for file, (_, schema) in footers.items() if any(_holds_images(field.type) for field in schema))
    file = next(with_images, next(iter(footers)))
    return choose_column(footers[file][1], printable(where.prefix + file.path))


def _footer(where: Location, file: File) -> Footer:
    try:
        with open_anywhere(where.filesystem, file.path) as stream:
            opened = pq.ParquetFile(stream)
            return opened.metadata, opened.schema_arrow
    except (OSError, pa.ArrowException) as error:
        name = printable(where.prefix + file.path)
        raise DataError(f"{name} cannot be read as parquet: {first_line(error)}.") from error


def _read_tasks(file: File, metadata: pq.FileMetaData, shard: int) -> Iterator[ReadTask]:
    """Row groups merged until they make a shard; a large one is read as a whole and makes several."""
    groups: list[int] = []
    start = rows = 0
    for group in range(metadata.num_row_groups):
        groups.append(group)
        rows += metadata.row_group(group).num_rows
        if rows >= ROWS_PER_SHARD or group == metadata.num_row_groups - 1:
            sizes = _balanced(rows)
            if sizes:
                yield ReadTask(shard, sizes, (file, groups, start))
            shard, start, rows, groups = shard + len(sizes), start + rows, 0, []


def _balanced(rows: int) -> tuple[int, ...]:
    if not rows:
        return ()
    size = math.ceil(rows / max(1, round(rows / ROWS_PER_SHARD)))
    return tuple(min(size, rows - start) for start in range(0, rows, size))
