"""A row for each field of each page, the same in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.files.storage import LocalStorage
from pipelines.labeling.forms.rows import FORM_SCHEMA, ReadBy, to_rows
from pipelines.labeling.rows import FORMATS, encode, read_shard, shard_name
from tests.page_results import page_read, unread

DIGITS, NUMBERS = ReadBy("openvino bf16", "ink:1"), ReadBy("onnxruntime fp32", "lines:1")
PAGES = [
    page_read("a.png", amount=("", "ok", 1.0)),
    unread('b "x",\n.png', "blank page"),
    page_read("c.pdf", 7, amount=(None, "error", 0.0), number=("00123", "review", 0.4)),
]


def test_each_field_has_a_row_with_its_place_cells_and_alternatives() -> None:
    row = to_rows(PAGES[:1], DIGITS, NUMBERS).to_pylist()[0]
    assert (row["source"], row["page"], row["item"], row["template"], row["field"]) == ("a.png", 1, 0, "card", "number")
    assert (row["value"], row["status"], row["reason_code"], row["reason"]) == ("12345", "ok", None, None)
    assert row["box"] == [10, 10, 30, 8]
    assert [cell["label"] for cell in row["cells"]] == list("12345")
    assert row["cells"][1]["box"] == [16, 10, 6, 8]
    assert row["alternatives"] == [{"value": "777", "probability": pytest.approx(0.01)}]
    assert (row["engine"], row["model"]) == ("openvino bf16", "ink:1")


def test_a_number_without_cells_names_the_model_that_read_it() -> None:
    rows = {row["field"]: row for row in to_rows(PAGES[:1], DIGITS, NUMBERS).to_pylist()}
    kinds = {name: reading.field.kind for name, reading in PAGES[0].fields.items()}
    assert "number" in kinds.values() and "digits" in kinds.values()
    for name, kind in kinds.items():
        assert rows[name]["model"] == ("lines:1" if kind == "number" else "ink:1")


def test_what_is_blank_is_told_from_what_was_not_read() -> None:
    rows = to_rows(PAGES, DIGITS, NUMBERS).to_pylist()
    assert [row["value"] for row in rows] == ["12345", "", None, "00123", None]
    assert [row["confidence"] is None for row in rows] == [False, False, True, False, True]


def test_a_page_that_was_not_read_has_one_row_with_the_reason() -> None:
    [row] = to_rows(PAGES[1:2], DIGITS, NUMBERS).to_pylist()
    assert (row["status"], row["reason_code"], row["reason"]) == ("error", "unreadable_file", "blank page")
    assert (row["field"], row["item"]) == (None, None)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_the_same_rows_back(format: str, tmp_path: Path) -> None:
    rows = to_rows(PAGES, DIGITS, NUMBERS)
    LocalStorage(tmp_path).put(shard_name(0, format), encode(rows, format))
    assert read_shard(LocalStorage(tmp_path), shard_name(0, format), format, FORM_SCHEMA).equals(rows)


def test_in_csv_cells_are_json(tmp_path: Path) -> None:
    LocalStorage(tmp_path).put(shard_name(0, "csv"), encode(to_rows(PAGES[:1], DIGITS, NUMBERS), "csv"))
    assert '[{""label"": ""1"", ' in (tmp_path / shard_name(0, "csv")).read_text()
