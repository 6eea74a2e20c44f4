"""The rows of a result: their schema, and shards of them as files of parquet, CSV or JSON lines."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from pipelines.errors import InkrayError
from pipelines.files.places import open_storage
from pipelines.files.storage import Storage

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


def json_rows(rows: pa.Table) -> list[str]:
    """Each row as a JSON object; an instant as ISO 8601 has it."""
    return [json.dumps(row, ensure_ascii=False, default=datetime.isoformat) for row in rows.to_pylist()]


def _to_lines(rows: pa.Table) -> bytes:
    return "".join(f"{row}\n" for row in json_rows(rows)).encode()


def _from_parquet(content: bytes, schema: pa.Schema) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))


def _from_csv(content: bytes, schema: pa.Schema) -> pa.Table:
    nested = [(index, column) for index, column in enumerate(schema) if pa.types.is_nested(column.type)]
    flat = {column.name: pa.string() if pa.types.is_nested(column.type) else column.type for column in schema}
    types = pc.ConvertOptions(column_types=flat, strings_can_be_null=True, quoted_strings_can_be_null=False)
    options = pc.ParseOptions(newlines_in_values=True)
    rows = pc.read_csv(pa.BufferReader(content), parse_options=options, convert_options=types)
    for index, column in nested:
        values = [None if text is None else json.loads(text) for text in rows[column.name].to_pylist()]
        rows = rows.set_column(index, column, pa.array(values, column.type))
    return rows


def _from_lines(content: bytes, schema: pa.Schema) -> pa.Table:
    if not content:
        return schema.empty_table()
    return pj.read_json(pa.BufferReader(content), parse_options=pj.ParseOptions(explicit_schema=schema))


FORMATS: dict[str, tuple[Callable[[pa.Table], bytes], Callable[[bytes, pa.Schema], pa.Table]]] = {
    "parquet": (_to_parquet, _from_parquet),
    "csv": (_to_csv, _from_csv),
    "jsonl": (_to_lines, _from_lines),
}


def shard_name(shard: int, format: str, update: int = 0) -> str:
    """The file of a shard; an update that writes it anew gives it another name, and so leaves alone what was there."""
    return f"part-{shard:06d}{f'-u{update}' if update else ''}.{format}"


def shard_files(names: Iterable[str], format: str, before: float = math.inf) -> dict[int, str]:
    """The file of each shard, in order: the latest, or the latest before that update."""
    found = (re.fullmatch(rf"part-(\d+)(?:-u(\d+))?\.{format}", name) for name in names)
    written = sorted((int(match[1]), int(match[2] or 0), match[0]) for match in found if match)
    return {shard: name for shard, update, name in written if update < before}


def encode(rows: pa.Table, format: str) -> bytes:
    return FORMATS[format][0](rows)


def decode(content: bytes, format: str, schema: pa.Schema = SCHEMA) -> pa.Table:
    return FORMATS[format][1](content, schema).cast(schema)


def read_shard(folder: Storage, name: str, format: str, schema: pa.Schema = SCHEMA) -> pa.Table:
    return decode(content_of(folder, name), format, schema)


def content_of(folder: Storage, name: str) -> bytes:
    content = folder.get(name)
    if content is None:
        raise InkrayError(f"{folder.shown}/{name} is gone: somebody took it away meanwhile. Start the same run again.")
    return content


def read_shards(folder: Path | str, format: str, schema: pa.Schema = SCHEMA) -> Iterator[pa.Table]:
    """The rows in a folder or at a URI, a shard at a time, in order."""
    place = open_storage(folder)
    for name in shard_files(place.names(), format).values():
        yield read_shard(place, name, format, schema)
