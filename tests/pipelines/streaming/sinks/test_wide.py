"""Tables for spreadsheets, a file for each day."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.labeling.forms.rows import FORM_SCHEMA
from pipelines.streaming.sink import STREAM_COLUMNS
from pipelines.streaming.sinks import wide
from pipelines.streaming.sinks.delta import DeltaSink
from pipelines.streaming.sinks.upkeep import Upkeep
from tests.processes import until
from tests.streams import positions

FORM_ROWS = pa.schema([*FORM_SCHEMA, *STREAM_COLUMNS])


def page(key: str, at: str, number: int, **values: str) -> list[dict[str, object]]:
    known = {"source": key, "key": key, "at": at, "page": number, "template": "meter", "status": "ok"}
    return [known | {"item": n, "field": field, "value": value} for n, (field, value) in enumerate(values.items())]


def lines(output: Path) -> list[list[str]]:
    return [line for file in sorted(output.glob("wide/*.csv")) for line in list(csv.reader(file.open()))[1:]]


def test_each_page_of_each_version_has_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "EVERY_S", 0.05)
    monkeypatch.setattr(wide, "SHARE", 0)
    monkeypatch.setattr(wide, "TOGETHER", 1)
    sink = DeltaSink(str(tmp_path), FORM_SCHEMA, Upkeep(), ["a", "b"])
    sink.try_to_lead()
    rows = [*page("x", "1", 1, a="1", b="2"), *page("x", "2", 1, a="3", b="4"), *page("x", "2", 2, a="5")]
    sink.commit(pa.Table.from_pylist(rows, FORM_ROWS), positions(("x", "2")), [])
    until(lambda: len(lines(tmp_path)) == 3, "the pages have lines")
    assert lines(tmp_path) == [
        ["x", "1", "meter", "ok", "", "1", "2"],
        ["x", "1", "meter", "ok", "", "3", "4"],
        ["x", "2", "meter", "ok", "", "5", ""],
    ]


def test_the_last_rows_are_there_when_the_stream_ends_and_lost_files_when_it_starts(tmp_path: Path) -> None:
    sink = DeltaSink(str(tmp_path), FORM_SCHEMA, Upkeep(), ["a"])
    sink.try_to_lead()
    sink.commit(pa.Table.from_pylist(page("x", "1", 1, a="7"), FORM_ROWS), positions(("x", "1")), [])
    sink.close()
    assert [line[-1] for line in lines(tmp_path)] == ["7"]
    [file] = tmp_path.glob("wide/*.csv")
    file.unlink()
    again = DeltaSink(str(tmp_path), FORM_SCHEMA, Upkeep(), ["a"])
    again.try_to_lead()
    again.close()
    assert [line[-1] for line in lines(tmp_path)] == ["7"]
