"""Marks of whole pages in their rows, which can be taken off again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipelines.inference.outcome import Reason, Status, reason_columns
from pipelines.labeling.forms.page_keys import PAGE_CODES, PageKey
from pipelines.labeling.run_folder import UNMARKED, LabelingRunFolder

MARKED = ("status", "reason_code", "reason")
KEY = ("source", "page", "item")
Row = dict[str, Any]


def mark(folder: LabelingRunFolder, of_shard: tuple[int, str, Mapping[PageKey, Reason]]) -> None:
    """Give the rows of a shard these marks, and no others."""
    shard, file, reasons = of_shard
    table = folder.read(file)
    rows = table.select([*KEY, *MARKED]).to_pylist()
    before, noted = _noted(folder, shard), dict[str, list[str]]()
    for row in rows:
        if row["reason_code"] in PAGE_CODES:
            _take_off(row, before)
        reason = reasons.get((row["source"], row["page"]))
        if reason and row["status"] == Status.OK:
            if row["reason"] is not None:
                noted[_key(row)] = [row["reason_code"], row["reason"]]
            row.update({"status": Status.REVIEW.value, **reason_columns(reason)})
    if noted.keys() - before.keys():
        folder.write_file(_notes_name(shard), json.dumps(before | noted).encode())
    marked = _with(table, rows)
    if not marked.equals(table):
        folder.replace(shard, marked)


def _take_off(row: Row, before: Mapping[str, list[str]]) -> None:
    code, text = before.get(_key(row), (None, None))
    row.update({"status": Status.OK.value, "reason_code": code, "reason": text})


def _noted(folder: LabelingRunFolder, shard: int) -> dict[str, list[str]]:
    """The reasons that rows had although they were ok."""
    content = folder.place.get(_notes_name(shard))
    return {} if content is None else json.loads(content)


def _notes_name(shard: int) -> str:
    return f"{UNMARKED}/{shard:06d}.json"


def _key(row: Row) -> str:
    return json.dumps([row[name] for name in KEY])


def _with(table: pa.Table, rows: list[Row]) -> pa.Table:
    for name in MARKED:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), pa.array([row[name] for row in rows], pa.string()))
    return table
