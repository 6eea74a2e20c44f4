"""Pages that are there twice, and forms of which a page is missing: marked in the rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.forms.results import PageResult
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.forms.cross_page import Digests, find_reasons, mark_across_pages
from pipelines.labeling.forms.page_keys import PageKey, SeenPage
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


def reasons(pages: list[SeenPage]) -> dict[PageKey, Reason]:
    of_shards = find_reasons(lambda: iter(pages), TEMPLATES)
    return {key: reason for shard in of_shards.values() for key, reason in shard.items()}


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
    found = reasons(seen(*pages))
    assert {source: reason.text for (source, _), reason in found.items()} == expected
    assert {reason.code for reason in found.values()} <= {ReasonCode.MISSING_PAGE}


def test_the_second_of_two_same_pages_names_the_first(tmp_path: Path) -> None:
    pages = [page_read("a.png", seed=1), page_read("b.png", seed=2)]
    folder = form_folder(tmp_path, pages, [page_read("c.pdf", 3, seed=1), unread("d.png", "blank page")])
    mark_across_pages(folder, [CARD], map)
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
    mark_across_pages(folder, [CARD], map)
    rows = next(folder.shards()).to_pylist()
    assert [row["reason"] for row in rows] == [None, None, "this page is the same as a.png, page 1", "amount is odd"]


def test_marking_twice_is_as_once(tmp_path: Path) -> None:
    pages: list[PageResult] = [page_read("a.png", template=ONE), page_read("b.png", template=ONE, seed=1)]
    folder = form_folder(tmp_path, pages[:1], pages[1:])
    mark_across_pages(folder, [ONE, TWO], map)
    once = [shard.to_pylist() for shard in folder.shards()]
    mark_across_pages(folder, [ONE, TWO], map)
    assert [shard.to_pylist() for shard in folder.shards()] == once
    assert {row["reason"] for shard in once for row in shard} == {SECOND_MISSING}


def test_where_all_is_well_no_part_is_written_again(tmp_path: Path) -> None:
    folder = form_folder(tmp_path, [page_read("a.png", seed=1)], [page_read("b.png", seed=2)])
    before = [path.stat().st_mtime_ns for path in sorted((tmp_path / "rows").iterdir())]
    mark_across_pages(folder, [CARD], map)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "rows").iterdir())] == before


def test_of_pages_that_share_half_a_digest_only_those_that_share_all_are_the_same() -> None:
    digests = [b"a" * 16, None, b"b" * 16, b"a" * 8 + b"c" * 8, b"b" * 16, None, b"a" * 16, b"b" * 16]
    noted = Digests()
    pages = [SeenPage((f"{at}.png", 1), None, digest) for at, digest in enumerate(digests)]
    assert list(noted.noted(pages)) == pages
    assert noted.repeated() == {4: 2, 6: 0, 7: 2}
    assert Digests().repeated() == {}


def test_a_page_that_is_listed_twice_is_no_copy_of_itself() -> None:
    page = SeenPage(("a.png", 1), None, b"a" * 16)
    assert reasons([page, page]) == {}
