"""The row of an item that no process survives."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.corpora.corpus import Split
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.capacity import Capacity
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.inputs import list_input
from pipelines.labeling.pipeline import RunSpec
from pipelines.labeling.retry import Isolation
from pipelines.labeling.run_folder import open_run
from pipelines.labeling.workload import ReaderConfig
from tests.inputs import Memory, table_of, tensors


def test_an_item_that_is_lost_keeps_the_columns_of_its_input(digits: Split, tmp_path: Path) -> None:
    notes = pa.array(list("abc"))
    path = table_of(tmp_path / "a.parquet", image=tensors(digits.images[:3]), note=notes)
    listed = list_input(str(path), keep=["note"])
    found, workload = listed.found(Memory(), map), DigitWorkload().keeping(listed.columns)
    reader = ReaderConfig("small:1", "", "", "auto", "auto", 1, 0.5)
    with open_run(tmp_path / "out", "parquet", {}, False, workload.schema) as folder:
        spec = RunSpec(workload, found.input, folder, reader, Capacity(1, 0.5, 0, 1, 1), 1)
        lost = Isolation(spec)._lost(found.tasks[0], 0, 1, Reason(ReasonCode.TIMEOUT, "too slow"))
    assert lost.rows.schema == workload.schema
    [row] = lost.rows.to_pylist()
    assert (row["source"], row["item"], row["note"]) == (str(path), 1, "b")
    assert (row["status"], row["reason_code"], row["model"]) == ("error", "timeout", "small:1")
