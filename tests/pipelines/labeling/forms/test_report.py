"""The report of forms: what needs eyes first, in one file."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pyarrow as pa
from PIL import Image

from pipelines.labeling.forms.labeler import LineModel, PictureOptions
from pipelines.labeling.forms.report import report
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.summing import total
from tests.page_results import form_folder, page_read, unread

WORKLOAD = FormWorkload((), PictureOptions(), LineModel("lines:1", "", 0.5))
BAD = '<b>&"1".png'


def written(folder: LabelingRunFolder) -> str:
    found = total(WORKLOAD.tally, folder, map)
    return report(folder, found.as_dict() | {"input": f"/scans/{BAD}", "model": "ink:1"}, found)


def filled(path: Path) -> LabelingRunFolder:
    return form_folder(
        path,
        [page_read("a.png", amount=("1", "review", 0.7)), page_read("b.png", amount=(None, "error", 0.0))],
        [page_read(BAD, number=("2", "review", 0.3)), unread("d.png", "blank page"), page_read("e.png")],
    )


def test_the_worst_come_first_with_their_pictures(tmp_path: Path) -> None:
    page = written(filled(tmp_path))
    assert re.findall(r"class=read>([^<]+)<", page) == ["-", "2", "1"]
    assert re.findall(r'class="field (\w+)"', page) == ["error", "review", "review"]
    crops = [
        Image.open(io.BytesIO(base64.b64decode(one))) for one in re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    ]
    assert [crop.size for crop in crops] == [(344, 88), (264, 88), (344, 88)]
    assert "30.0% sure, or 777 (1.0%)" in page


def test_pages_that_were_not_read_are_shown_on_top(tmp_path: Path) -> None:
    page = written(filled(tmp_path))
    assert "<td>d.png<td class=number>1<td>blank page" in page
    assert "<td>unreadable_file<td class=number>1<td>blank page<td>d.png" in page
    assert page.index("Pages to look at") < page.index("Fields to look at")
    for count, name in ((5, "pages"), (8, "fields"), (5, "ok"), (2, "review"), (2, "error")):
        assert f"<b>{count}</b>{name}" in page


def test_it_needs_nothing_else_and_no_name_becomes_markup(tmp_path: Path) -> None:
    page = written(filled(tmp_path))
    without = re.sub(r"base64,[^\"]+", "", page)
    assert not re.search(r"https?:|//\w|url\(|@import|<script|<link|<iframe", without)
    assert BAD not in page and "&lt;b&gt;&amp;&quot;1&quot;.png" in page


def test_a_field_leads_to_the_picture_of_its_page_if_there_is_one(tmp_path: Path) -> None:
    folder = filled(tmp_path)
    assert "<a href" not in written(folder)
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "page-0-0.jpg").touch()
    assert '<a href="overlay/page-0-0.jpg">a.png, page 1</a>' in written(folder)


def with_reason(rows: pa.Table, code: str, text: str) -> pa.Table:
    for name, value in (("reason_code", code), ("reason", text)):
        rows = rows.set_column(rows.schema.get_field_index(name), name, [[value] * len(rows)])
    return rows


def test_what_is_true_of_a_whole_page_is_shown_once(tmp_path: Path) -> None:
    everything = {"number": ("1", "review", 0.1), "amount": ("1", "review", 0.1)}
    folder = form_folder(tmp_path, [page_read("a.png", **everything)])
    for reading in ("number is odd", "amount is odd"):
        assert reading in written(folder)
    same = "this page is the same as b.png, page 1"
    folder.replace(0, with_reason(next(folder.shards()), "duplicate_page", same))
    page = written(folder)
    assert f"<td>a.png<td class=number>1<td>{same}" in page
    assert "None: every field" in page


def test_a_doubt_that_all_fields_share_is_shown_field_by_field(tmp_path: Path) -> None:
    folder = form_folder(tmp_path, [page_read("a.png", number=("1", "review", 0.1), amount=("1", "review", 0.1))])
    folder.replace(0, with_reason(next(folder.shards()), "low_confidence", "less sure than 0.5"))
    page = written(folder)
    assert "Pages to look at" not in page
    assert "None: every field" not in page


def test_where_all_is_sure_it_says_so(tmp_path: Path) -> None:
    page = written(form_folder(tmp_path, [page_read("a.png")]))
    assert "None: every field that could be read is sure." in page
    assert "Pages to look at" not in page
