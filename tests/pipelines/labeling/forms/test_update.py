"""Forms of which pages came or changed later: checks across pages are as if all had been there at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pipelines.forms.results import PageResult
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.forms.cross_page import mark_across_pages
from pipelines.labeling.forms.labeler import LineModel, PictureOptions
from pipelines.labeling.forms.page_order import pages_in_order
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.run_file import Part
from pipelines.labeling.run_folder import LabelingRunFolder
from pipelines.labeling.sources import sources_of
from pipelines.labeling.taken_out import take_out
from tests.inputs import folder_of
from tests.page_results import form_folder, page_read, two_paged, write_pages

ONE, TWO = two_paged(1), two_paged(2)
WORKLOAD = FormWorkload([ONE, TWO], PictureOptions(), LineModel("lines:1", "", 0.9))


def updated(folder: LabelingRunFolder, pages: Sequence[PageResult]) -> LabelingRunFolder:
    """The run after an update that read these pages; what was read of their sources before is taken out."""
    begun = replace(folder, parts=(*folder.parts, Part(first=max(folder.done()) + 1)))
    write_pages(begun, begun.part.first, pages)
    for _ in range(2):
        take_out(begun, WORKLOAD, sources_of(page.source for page in pages), map)
        mark_across_pages(begun, [ONE, TWO], map)
    return begun


def told(folder: LabelingRunFolder) -> list[tuple[Any, ...]]:
    rows = [row for shard in folder.shards() for row in shard.to_pylist()]
    return sorted((row["source"], row["field"], row["status"], row["reason_code"], row["reason"]) for row in rows)


def with_a_note(page: PageResult) -> PageResult:
    """A field of it is ok for a reason."""
    name, reading = next(iter(page.fields.items()))
    noted = replace(reading, reason=Reason(ReasonCode.CONSTRAINT_VIOLATED, "a doubtful reading broke the pattern"))
    return replace(page, fields=page.fields | {name: noted})


def test_marks_are_taken_off_and_given_as_if_all_pages_had_been_there_at_once(tmp_path: Path) -> None:
    first, second = with_a_note(page_read("b.png", template=ONE, seed=1)), page_read("c.png", template=TWO, seed=3)
    alone, copy = (page_read(name, template=ONE, seed=2) for name in ("d.png", "x.png"))
    folder = form_folder(tmp_path / "parts", [first], [alone, copy])
    mark_across_pages(folder, [ONE, TWO], map)
    assert {row[3] for row in told(folder)} == {"missing_page", "duplicate_page"}
    changed = page_read("x.png", template=ONE, seed=4)
    whole = form_folder(tmp_path / "whole", [first, second], [alone, changed])
    mark_across_pages(whole, [ONE, TWO], map)
    assert {row[3] for row in told(whole) if row[0] == "b.png"} == {None, "constraint_violated"}
    found = updated(updated(folder, [second]), [changed])
    assert told(found) == told(whole)
    # What was there for other readers is as it was.
    assert {path.name for path in (tmp_path / "parts" / "rows").iterdir()} == {
        *("part-000000.parquet", "part-000000-u1.parquet", "part-000001.parquet", "part-000001-u2.parquet"),
        *("part-000002.parquet", "part-000003.parquet"),
    }
    again = updated(found, [page_read("c.png", seed=5, template=ONE)])
    assert [row[3] for row in told(again) if row[0] == "b.png"] == ["missing_page"] * len(ONE.fields)


@pytest.mark.parametrize("parts", [(Part(),), (Part(), Part(first=1), Part(first=3))])
def test_pages_come_in_the_order_of_the_input_whichever_update_read_them(
    parts: tuple[Part, ...], tmp_path: Path
) -> None:
    names = ["b.png", "e.png"], ["a.png"], ["c.png", "d.pdf"], ["f.png"]
    shards = names if len(parts) > 1 else [["a.png", "b.png"], ["c.png", "d.pdf"], ["e.png"], ["f.png"]]
    folder = replace(
        form_folder(tmp_path, *([page_read(name, page) for name in shard for page in (1, 2)] for shard in shards)),
        parts=parts,
    )
    with pages_in_order(folder, folder.groups(), map) as in_order:
        for _ in range(2):
            found = [(page.key, page.digest is not None) for page in in_order()]
            assert found == [((f"{name}", page), True) for name in sorted(chain(*shards)) for page in (1, 2)]


def test_nothing_is_left_of_what_changed_and_its_pages_count_once(tmp_path: Path) -> None:
    doubtful = [page_read(name, page, amount=("9", "review", 0.2)) for name in ("a.pdf", "b.png") for page in (1, 2)]
    folder = form_folder(tmp_path, doubtful)
    pictures = [f"{kind}/page-0-{index}" for index in range(4) for kind in ("overlay", "crops")]
    folder_of(tmp_path, {f"{name}.jpg" if "overlay" in name else f"{name}/amount.jpg": b"x" for name in pictures})
    later = replace(folder, parts=(Part(), Part(first=1)))
    for _ in range(2):
        assert take_out(later, WORKLOAD, sources_of(["a.pdf", "z.pdf"]), map) == 2
    assert {row["source"] for shard in later.shards() for row in shard.to_pylist()} == {"b.png"}
    for kind, ending in (("overlay", ".jpg"), ("crops", "")):
        assert {path.name for path in (tmp_path / kind).iterdir()} == {f"page-0-{index}{ending}" for index in (2, 3)}
    [kept] = (tmp_path / ".work" / "kept").iterdir()
    assert {one["source"] for some in json.loads(kept.read_text()).values() for one in some} == {"b.png"}
