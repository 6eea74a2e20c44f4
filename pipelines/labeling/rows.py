"""The rows of a result: their schema, and shards of them on disk as parquet, CSV or JSON lines."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from pipelines.files.atomic import write_atomic

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("page", pa.int32()),
        ("item", pa.int64()),
        ("value", pa.string()),
        ("confidence", pa.float32()),
        ("status", pa.string()),
        ("reason_code", pa.string()),
        ("reason", pa.string()),
        ("engine", pa.string()),
        ("model", pa.string()),
    ]
)


def _to_parquet(rows: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(rows, content, compression="zstd")
    return content.getvalue()


def _to_csv(rows: pa.Table) -> bytes:
    content = io.BytesIO()
    pc.write_csv(_nested_as_json(rows), content)
    return content.getvalue()


def _nested_as_json(rows: pa.Table) -> pa.Table:
    """Lists and structs as JSON, since CSV has none."""
    for index, column in enumerate(rows.schema):
        if pa.types.is_nested(column.type):
            texts = [None if value is None else json.dumps(value) for value in rows[column.name].to_pylist()]
            rows = rows.set_column(index, column.name, pa.array(texts, pa.string()))
    return rows


def _to_lines(rows: pa.Table) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_pylist()).encode()


def _from_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    return pq.read_table(path)


def _from_csv(path: Path, schema: pa.Schema) -> pa.Table:
    nested = [(index, column) for index, column in enumerate(schema) if pa.types.is_nested(column.type)]
    flat = {column.name: pa.string() if pa.types.is_nested(column.type) else column.type for column in schema}
    types = pc.ConvertOptions(column_types=flat, strings_can_be_null=True, quoted_strings_can_be_null=False)
    rows = pc.read_csv(path, parse_options=pc.ParseOptions(newlines_in_values=True), convert_options=types)
    for index, column in nested:
        values = [None if text is None else json.loads(text) for text in rows[column.name].to_pylist()]
        rows = rows.set_column(index, column, pa.array(values, column.type))
    return rows


def _from_lines(path: Path, schema: pa.Schema) -> pa.Table:
    return pj.read_json(path, parse_options=pj.ParseOptions(explicit_schema=schema))


FORMATS: dict[str, tuple[Callable[[pa.Table], bytes], Callable[[Path, pa.Schema], pa.Table]]] = {
    "parquet": (_to_parquet, _from_parquet),
    "csv": (_to_csv, _from_csv),
    "jsonl": (_to_lines, _from_lines),
}


def shard_name(shard: int, format: str) -> str:
    return f"part-{shard:06d}.{format}"


def write_shard(folder: Path, shard: int, rows: pa.Table, format: str) -> None:
    write_atomic(folder / shard_name(shard, format), FORMATS[format][0](rows))


def existing_shards(folder: Path, format: str) -> set[int]:
    return {int(path.stem.removeprefix("part-")) for path in folder.glob(f"part-*.{format}")}


def read_shard(path: Path, format: str, schema: pa.Schema = SCHEMA) -> pa.Table:
    return FORMATS[format][1](path, schema).cast(schema)


def read_shards(folder: Path, format: str, schema: pa.Schema = SCHEMA) -> Iterator[pa.Table]:
    """The rows, a shard at a time, in order."""
    for path in sorted(folder.glob(f"part-*.{format}")):
        yield read_shard(path, format, schema)
