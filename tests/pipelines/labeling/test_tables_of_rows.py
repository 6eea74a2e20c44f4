"""Rows as other tools read them: a data set with a manifest, and a Delta table."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from pipelines.errors import InkrayError, UsageError
from pipelines.labeling import delta_table, run_folder
from pipelines.labeling.delta_table import check_available, commit_table
from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.labeling.manifest import write_manifest
from pipelines.labeling.run_folder import LabelingRunFolder, open_run
from tests.s3 import SECRET, Bucket
from tests.stores import refusal

CELL = {"label": "1", "confidence": 0.5, "box": [0.0, 1.0, 2.0, 3.0]}
SHARDS = 5


@pytest.fixture(params=["folder", "s3"])
def where(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> str:
    return str(tmp_path / "my rows") if request.param == "folder" else bucket.new_place()


def fill(folder: LabelingRunFolder) -> pa.Table:
    """Several groups of shards, with all kinds of columns."""
    rows = [
        pa.Table.from_pylist([{"source": f"{shard}.png", "item": shard, "cells": [CELL]}] * shard, FORM_SCHEMA)
        for shard in range(SHARDS)
    ]
    for shard, table in enumerate(rows):
        folder.write(shard, table, {})
    return pa.concat_tables(rows)


def test_the_manifest_has_every_row_of_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "GROUP", 2)
    with open_run(tmp_path, "parquet", {}, False, FORM_SCHEMA) as folder:
        rows = fill(folder)
        write_manifest(folder, map)
    data = ds.parquet_dataset(tmp_path / "rows" / "_metadata")
    assert data.to_table().sort_by("item").equals(rows)
    assert pq.read_table(tmp_path / "rows").equals(rows)
    assert folder.done() == set(range(SHARDS))


def test_a_file_that_somebody_changed_is_named(tmp_path: Path) -> None:
    with open_run(tmp_path, "parquet", {}, False, FORM_SCHEMA) as folder:
        fill(folder)
        pq.write_table(pa.table({"source": ["a"]}), tmp_path / "rows" / "part-000002.parquet")
        assert refusal(InkrayError, lambda: write_manifest(folder, map)) == (
            f"{tmp_path}/rows/part-000002.parquet has other columns than the files before it, so somebody changed it. "
            "Delete it, and start the same run again."
        )


def test_rows_become_a_delta_table_by_one_commit(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "GROUP", 2)
    with open_run(where, "parquet", {"input": "a"}, False, FORM_SCHEMA) as folder:
        rows = fill(folder)
        for _ in range(2):
            commit_table(folder, map)
            place, options = folder.place.for_tables("rows")
            table = DeltaTable(place, storage_options=options)
            assert (table.version(), table.transaction_version(folder.run_id)) == (0, 1)
            assert table.to_pyarrow_table().select(["source", "item", "cells"]).sort_by("item").to_pylist() == (
                rows.select(["source", "item", "cells"]).to_pylist()
            )
    with open_run(where, "parquet", {"input": "b"}, True, FORM_SCHEMA) as folder:
        assert not DeltaTable.is_deltatable(*folder.place.for_tables("rows"))


def test_the_table_of_another_run_is_left_as_it_is(tmp_path: Path) -> None:
    with open_run(tmp_path, "parquet", {"input": "a"}, False, FORM_SCHEMA) as folder:
        fill(folder)
        commit_table(folder, map)
        (tmp_path / "run.json").write_text("{}")
        assert refusal(InkrayError, lambda: commit_table(folder, map)) == (
            f"{tmp_path}/rows is the Delta table of something else than this run. Start the run afresh."
        )


def test_a_table_that_cannot_be_written_is_told_without_a_password(bucket: Bucket) -> None:
    with open_run(bucket.new_place(), "parquet", {}, False, FORM_SCHEMA) as folder:
        fill(folder)
        place, options = folder.place.for_tables("rows")
        elsewhere = (place.replace(bucket.name, "nowhere"), options)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folder.place, "for_tables", lambda _: elsewhere)
            told = refusal(InkrayError, lambda: commit_table(folder, map))
    assert told.startswith(f"The Delta table in {folder.place.shown}/rows cannot be written: ")
    assert SECRET not in told


def test_a_table_needs_parquet_and_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    check_available("parquet")
    assert refusal(UsageError, lambda: check_available("csv")) == (
        "A Delta table holds parquet, and the format is csv; leave one of the two."
    )
    monkeypatch.setattr(delta_table, "LIBRARY", "never_installed")
    assert "pip install 'inkray[delta]'" in refusal(UsageError, lambda: check_available("parquet"))
