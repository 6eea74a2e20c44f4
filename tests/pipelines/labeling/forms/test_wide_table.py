"""The table for spreadsheets."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from pipelines.labeling.forms.wide_table import write_wide
from tests.page_results import CARD, form_folder, page_read, unread


def test_a_line_a_page_and_a_column_a_field(tmp_path: Path) -> None:
    pages = [page_read("a.png", amount=("", "ok", 1.0)), unread("b,\n.png", "blank page")]
    odd = page_read("c.pdf", 2, number=("00123", "review", 0.4), amount=(None, "error", 0.0))
    folder = form_folder(tmp_path, pages, [odd])
    write_wide(folder, [CARD], map)
    with (tmp_path / "wide.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines == [
        ["source", "page", "template", "status", "reason", "number", "amount"],
        ["a.png", "1", "card", "ok", "", "12345", ""],
        ["b,\n.png", "1", "", "error", "blank page", "", ""],
        ["c.pdf", "2", "card", "error", "number: number is odd; amount: amount is odd", "00123", ""],
    ]
    columns = pa.schema([("cells", pa.binary()), ("engine", pa.string())])
    write_wide(folder, [CARD], map, columns)
    assert (tmp_path / "wide.csv").read_text().splitlines()[0].endswith("reason,number,amount,engine")
    assert len(list(tmp_path.glob("*.csv"))) == len(list(tmp_path.glob(".*.csv*"))) + 1
