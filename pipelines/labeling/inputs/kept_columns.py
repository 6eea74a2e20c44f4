"""Columns of an input table that are passed through to the rows of its items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipelines.errors import DataError, UsageError

NO_COLUMNS = pa.schema([])


def chosen_columns(schema: pa.Schema, names: Sequence[str], shown: str) -> pa.Schema:
    """These columns of a table, as they will stand in the rows."""
    return pa.schema([pa.field(name, _plain(_field(schema, name, shown).type)) for name in names])


def check_kept(schema: pa.Schema, columns: pa.Schema, shown: str) -> None:
    """Refuse a table whose columns are not those of the first one."""
    for column, found in zip(columns, chosen_columns(schema, columns.names, shown), strict=True):
        if found.type != column.type and not pa.types.is_null(found.type):
            raise DataError(
                f"The column {column.name!r} of {shown} is {found.type}, and in the table before it {column.type}; "
                "cast one of them, or do not keep it."
            )


def taken(table: pa.Table, columns: pa.Schema) -> pa.Table:
    """The kept columns of what was read of a table."""
    return table.select(columns.names).cast(columns)


def nulls(columns: pa.Schema, count: int) -> pa.Table:
    """What stands in the rows of items whose table cannot be read."""
    return pa.Table.from_arrays([pa.nulls(count, column.type) for column in columns], schema=columns)


def beside(rows: pa.Table, kept: pa.Table | None, of_each: Sequence[int] | None = None) -> pa.Table:
    """The rows with what is kept; of `of_each`, how many rows each line of that has."""
    if kept is None:
        return rows
    if of_each is not None:
        kept = kept.take(np.repeat(np.arange(len(of_each)), of_each))
    columns = [*rows.columns, *kept.columns]
    return pa.Table.from_arrays(columns, schema=pa.schema([*rows.schema, *kept.schema]))


def _field(schema: pa.Schema, name: str, shown: str) -> pa.Field:
    if schema.names.count(name) != 1:
        has = ", ".join(f"{field.name} ({field.type})" for field in schema)
        several = "several columns" if name in schema.names else "no column"
        raise UsageError(f"{shown} has {several} {name!r}; it has {has}.", option="keep_columns")
    return schema.field(name)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Without its dictionary, which each file may have another of."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
