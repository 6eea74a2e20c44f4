"""Pages that are there twice, and forms of which a page is missing: marked in the rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.forms.results import PageResult
from pipelines.inference.outcome import ReasonCode
from pipelines.labeling.forms.cross_page import SeenPage, find_reasons, mark_across_pages
from tests.page_results import CARD, form_folder, page_read, two_paged, unread

ONE, TWO = two_paged(1), two_paged(2)
TEMPLATES = {one.name: one for one in (CARD, ONE, TWO, two_paged(1, "other"), two_paged(2, "other"))}
FIRST_MISSING, SECOND_MISSING = (f"page {number} of 2 of this form is missing beside it" for number in (1, 2))


def seen(*pages: str) -> list[SeenPage]:
    """From words like `a.pdf/2:claim-1`, or `a.png` for a page that could not be read."""
    found = []
    for word in pages:
        place, _, template = word.partition(":")
        source, _, number = place.partition("/")
        found.append(SeenPage((source, int(number or 1)), template or None))
    return found


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        (["a.png:card", "b.png:card"], {}),
        (["a.pdf/1:claim-1", "a.pdf/2:claim-2"], {}),
        (["a.pdf/1:claim-2", "a.pdf/2:claim-1"], {}),
        (["a.png:claim-1", "b.png:claim-2"], {}),
        (["a.png:claim-1"], {"a.png": SECOND_MISSING}),
        (["a.png:claim-2"], {"a.png": FIRST_MISSING}),
        (["a.png:claim-1", "b.png:claim-1", "c.png:claim-2"], {"a.png": SECOND_MISSING}),
        (["a.png:claim-1", "b.png", "c.png:claim-2"], {"a.png": SECOND_MISSING, "c.png": FIRST_MISSING}),
        (["a.png:claim-1", "b.png:other-2"], {"a.png": SECOND_MISSING, "b.png": FIRST_MISSING}),
        (["a.pdf/1:card", "a.pdf/2:claim-1", "b.png:claim-2"], {"a.pdf": SECOND_MISSING, "b.png": FIRST_MISSING}),
    ],
)
def test_a_form_needs_its_pages_beside_each_other(pages: list[str], expected: dict[str, str]) -> None:
    found = find_reasons(seen(*pages), TEMPLATES)
    assert {source: reason.text for (source, _), reason in found.items()} == expected
    assert {reason.code for reason in found.values()} <= {ReasonCode.MISSING_PAGE}


def test_the_second_of_two_same_pages_names_the_first(tmp_path: Path) -> None:
    pages = [page_read("a.png", seed=1), page_read("b.png", seed=2)]
    folder = form_folder(tmp_path, pages, [page_read("c.pdf", 3, seed=1), unread("d.png", "blank page")])
    mark_across_pages(folder, [CARD])
    rows = [row for shard in folder.shards() for row in shard.to_pylist()]
    found = {(row["source"], row["status"], row["reason_code"], row["reason"]) for row in rows}
    assert found == {
        ("a.png", "ok", None, None),
        ("b.png", "ok", None, None),
        ("c.pdf", "review", "duplicate_page", "this page is the same as a.png, page 1"),
        ("d.png", "error", "unreadable_file", "blank page"),
    }


def test_a_field_that_has_a_reason_keeps_it(tmp_path: Path) -> None:
    doubtful = page_read("b.png", seed=1, amount=("9", "review", 0.2))
    folder = form_folder(tmp_path, [page_read("a.png", seed=1), doubtful])
    mark_across_pages(folder, [CARD])
    rows = folder.read(0).to_pylist()
    assert [row["reason"] for row in rows] == [None, None, "this page is the same as a.png, page 1", "amount is odd"]


def test_marking_twice_is_as_once(tmp_path: Path) -> None:
    pages: list[PageResult] = [page_read("a.png", template=ONE), page_read("b.png", template=ONE, seed=1)]
    folder = form_folder(tmp_path, pages[:1], pages[1:])
    mark_across_pages(folder, [ONE, TWO])
    once = [shard.to_pylist() for shard in folder.shards()]
    mark_across_pages(folder, [ONE, TWO])
    assert [shard.to_pylist() for shard in folder.shards()] == once
    assert {row["reason"] for shard in once for row in shard} == {SECOND_MISSING}


def test_where_all_is_well_no_part_is_written_again(tmp_path: Path) -> None:
    folder = form_folder(tmp_path, [page_read("a.png", seed=1)], [page_read("b.png", seed=2)])
    before = [path.stat().st_mtime_ns for path in sorted((tmp_path / "rows").iterdir())]
    mark_across_pages(folder, [CARD])
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "rows").iterdir())] == before
