"""Which columns of the input the rows can have beside their own, in which format."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from pipelines.errors import UsageError

Kind = Callable[[pa.DataType], bool]
IN_TEXT: tuple[Kind, ...] = (
    *(kinds.is_boolean, kinds.is_integer, kinds.is_float32, kinds.is_float64),
    *(kinds.is_string, kinds.is_large_string),
)
"""What comes back from CSV and JSON lines as it went in."""
IN_DELTA: tuple[Kind, ...] = (
    *(kinds.is_boolean, kinds.is_signed_integer, kinds.is_float32, kinds.is_float64, kinds.is_decimal128),
    *(kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary, kinds.is_date32),
    lambda kind: kinds.is_timestamp(kind) and kind.unit == "us",
)


def check_storable(columns: pa.Schema, others: Collection[str], format: str, delta: bool) -> None:
    """`others` are the names that are taken in the result."""
    for column in columns:
        if column.name in others:
            raise UsageError(
                f"The column {column.name!r} cannot be kept, since the result has one of that name; rename it in the "
                "input.",
                option="keep_columns",
            )
        if not _storable(column.type, format, delta):
            where, instead = ("a Delta table", "rows in files") if delta else (format, "parquet")
            other = "leave it out" if (format, delta) == ("parquet", False) else f"leave it out, or take {instead}"
            raise UsageError(
                f"The column {column.name!r} cannot be kept in {where}, which has no {column.type}; {other}.",
                option="keep_columns",
            )


def _storable(kind: pa.DataType, format: str, delta: bool) -> bool:
    if delta:
        return _in_delta(kind)
    return _in_parquet(kind) if format == "parquet" else any(fits(kind) for fits in IN_TEXT)


def _in_parquet(kind: pa.DataType) -> bool:
    try:
        pq.write_table(pa.schema([("column", kind)]).empty_table(), io.BytesIO())
    except pa.ArrowException:
        return False
    return True


def _in_delta(kind: pa.DataType) -> bool:
    # The library would take others as well, and an unsigned integer for a signed one of the same size.
    if kinds.is_map(kind):
        return _in_delta(kind.key_type) and _in_delta(kind.item_type)
    if kinds.is_struct(kind):
        return all(_in_delta(field.type) for field in kind)
    if kinds.is_list(kind) or kinds.is_large_list(kind):
        return _in_delta(kind.value_type)
    return any(fits(kind) for fits in IN_DELTA)
