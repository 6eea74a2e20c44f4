"""Which columns of the input the rows can have, and that these come back from every format."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from pipelines.errors import UsageError
from pipelines.labeling.delta_table import commit_table
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.inputs.kept_columns import beside
from pipelines.labeling.passed_through import check_storable
from pipelines.labeling.rows import SCHEMA
from pipelines.labeling.run_folder import open_run
from tests.stores import refusal

PLAIN = pa.table({"a": ["x,\n", None, ""], "b": [1, None, 3], "c": [0.5, None, 1], "d": [True, None, False]})
DEEP = PLAIN.append_column("e", pa.array([{"f": [b"x"]}, None, {"f": []}]))


def rows_of(count: int) -> pa.Table:
    return pa.Table.from_pylist([{"source": "a.parquet", "item": row} for row in range(count)], SCHEMA)


@pytest.mark.parametrize(("format", "kept"), [("csv", PLAIN), ("jsonl", PLAIN), ("parquet", DEEP)])
def test_what_is_kept_comes_back_from_every_format(format: str, kept: pa.Table, tmp_path: Path) -> None:
    check_storable(kept.schema, SCHEMA.names, format, delta=False)
    workload = DigitWorkload().keeping(kept.schema)
    rows = beside(rows_of(3), kept)
    assert rows.schema == workload.schema and DigitWorkload().schema == SCHEMA
    with open_run(tmp_path / "out", format, {}, False, workload.schema) as folder:
        folder.write(0, rows, {})
        assert next(folder.shards()).equals(rows)


def test_what_is_kept_stands_in_a_delta_table(tmp_path: Path) -> None:
    check_storable(DEEP.schema, SCHEMA.names, "parquet", delta=True)
    rows = beside(rows_of(3), DEEP)
    with open_run(tmp_path / "out", "parquet", {}, False, rows.schema) as folder:
        folder.write(0, rows, {})
        commit_table(folder, map)
        table = DeltaTable(folder.place.for_tables("rows")[0]).to_pyarrow_table()
    assert table.select(DEEP.column_names).to_pylist() == DEEP.to_pylist()


@pytest.mark.parametrize(
    ("kind", "format", "delta", "said"),
    [
        (pa.binary(), "csv", False, "csv, which has no binary; leave it out, or take parquet."),
        (pa.date32(), "jsonl", False, "jsonl, which has no date32[day]; leave it out, or take parquet."),
        (
            pa.month_day_nano_interval(),
            "parquet",
            False,
            "parquet, which has no month_day_nano_interval; leave it out.",
        ),
        (pa.uint8(), "parquet", True, "a Delta table, which has no uint8; leave it out, or take rows in files."),
        (
            *(pa.list_(pa.timestamp("ns")), "parquet", True),
            "a Delta table, which has no list<item: timestamp[ns]>; leave it out, or take rows in files.",
        ),
    ],
)
def test_a_type_that_cannot_be_stored_is_refused(kind: pa.DataType, format: str, delta: bool, said: str) -> None:
    columns = pa.schema([("x", kind)])
    assert refusal(UsageError, lambda: check_storable(columns, [], format, delta)) == (
        f"The column 'x' cannot be kept in {said}"
    )


def test_a_name_that_a_row_has_is_refused() -> None:
    columns = pa.schema([("status", pa.string())])
    assert refusal(UsageError, lambda: check_storable(columns, SCHEMA.names, "parquet", False)) == (
        "The column 'status' cannot be kept, since the result has one of that name; rename it in the input."
    )


def test_rows_of_the_same_item_have_the_same() -> None:
    assert beside(rows_of(4), PLAIN, [2, 1, 1])["b"].to_pylist() == [1, 1, None, 3]
    assert beside(rows_of(1), None).equals(rows_of(1))
