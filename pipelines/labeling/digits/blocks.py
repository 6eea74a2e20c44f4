"""Shards as Arrow tables, which move between tasks and actors without being copied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.images import SIDE
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs import Items

PIXELS = SIDE * SIDE
REASON = pa.struct([("code", pa.string()), ("text", pa.string())])


def to_block(items: Items) -> pa.Table:
    count = len(items)
    pixels = pa.py_buffer(np.ascontiguousarray(items.images))
    sources = pa.array([items.sources] if isinstance(items.sources, str) else items.sources, pa.string())
    which = np.zeros(count, np.int32) if isinstance(items.sources, str) else np.arange(count, dtype=np.int32)
    block = pa.table(
        {
            "shard": pa.array(np.full(count, items.shard, np.int32)),
            "source": pa.DictionaryArray.from_arrays(pa.array(which), sources).cast(pa.string()),
            "number": pa.array(items.numbers),
            "image": pa.Array.from_buffers(pa.binary(PIXELS), count, [None, pixels]),
            "reason": reasons_as_array(items),
        }
    )
    return block if items.kept is None else block.append_column("kept", _packed(items.kept))


def _packed(kept: pa.Table) -> pa.Array:
    """As bytes in the first row of the shard, since Ray knows not every type that a table may have."""
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, kept.schema) as writer:
        writer.write_table(kept)
    return pa.array([stream.getvalue().to_pybytes(), *[None] * (len(kept) - 1)], pa.large_binary())


def reasons_as_array(items: Items) -> pa.StructArray:
    """The reason of each item, null where it can be read."""
    if items.reasons is None:
        return pa.nulls(len(items), REASON)
    return pa.array([reason and {"code": reason.code.value, "text": reason.text} for reason in items.reasons], REASON)


def from_block(block: pa.Table) -> Iterator[Items]:
    """The shards of a block: Ray may merge several into one, but never splits one."""
    if not len(block):
        return
    block = block.combine_chunks()
    numbers = block["shard"].to_numpy()
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        rows = block.slice(start, end - start)
        image = rows["image"].chunk(0)
        pixels = np.frombuffer(image.buffers()[1], np.uint8)[image.offset * PIXELS :][: len(image) * PIXELS]
        reasons = None if rows["reason"].null_count == len(rows) else _reasons(rows["reason"])
        items = rows["number"].to_numpy()
        kept = _unpacked(rows["kept"]) if "kept" in rows.column_names else None
        images = pixels.reshape(-1, SIDE, SIDE)
        yield Items(int(numbers[start]), _sources(rows["source"]), items, images, reasons, kept)


def _unpacked(column: pa.ChunkedArray) -> pa.Table:
    with pa.ipc.open_stream(column[0].as_buffer()) as stream:
        return stream.read_all()


def _reasons(column: pa.ChunkedArray) -> list[Reason | None]:
    return [row and Reason(ReasonCode(row["code"]), row["text"]) for row in column.to_pylist()]


def _sources(column: pa.ChunkedArray) -> str | list[str]:
    distinct = pc.unique(column)
    return distinct[0].as_py() if len(distinct) == 1 else column.to_pylist()
