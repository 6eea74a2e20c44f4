"""The rows of a result: what stands in them, and parts of them on disk as parquet, CSV or JSON lines."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from pipelines.labeling.whole import write_whole

OK, REVIEW, ERROR = "ok", "review", "error"

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("page", pa.int32()),
        ("item", pa.int64()),
        ("value", pa.string()),
        ("confidence", pa.float32()),
        ("status", pa.string()),
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
    pc.write_csv(rows, content)
    return content.getvalue()


def _to_lines(rows: pa.Table) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows.to_pylist()).encode()


def _from_csv(path: Path) -> pa.Table:
    types = pc.ConvertOptions(column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False)
    return pc.read_csv(path, parse_options=pc.ParseOptions(newlines_in_values=True), convert_options=types)


def _from_lines(path: Path) -> pa.Table:
    return pj.read_json(path, parse_options=pj.ParseOptions(explicit_schema=SCHEMA))


FORMATS: dict[str, tuple[Callable[[pa.Table], bytes], Callable[[Path], pa.Table]]] = {
    "parquet": (_to_parquet, pq.read_table),
    "csv": (_to_csv, _from_csv),
    "jsonl": (_to_lines, _from_lines),
}


def part_name(part: int, kind: str) -> str:
    return f"part-{part:06d}.{kind}"


def write_part(folder: Path, part: int, rows: pa.Table, kind: str) -> None:
    write_whole(folder / part_name(part, kind), FORMATS[kind][0](rows))


def parts_there(folder: Path, kind: str) -> set[int]:
    return {int(path.stem.removeprefix("part-")) for path in folder.glob(f"part-*.{kind}")}


def read_part(path: Path, kind: str) -> pa.Table:
    return FORMATS[kind][1](path).cast(SCHEMA)


def read_parts(folder: Path, kind: str) -> Iterator[pa.Table]:
    """The rows, a part at a time, in order."""
    for path in sorted(folder.glob(f"part-*.{kind}")):
        yield read_part(path, kind)
