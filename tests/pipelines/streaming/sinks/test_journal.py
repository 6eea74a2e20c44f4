"""The positions of commits: each file says what changed, and what no commit names counts for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import DataError
from pipelines.files.storage import LocalStorage
from pipelines.streaming.sinks import journal as journals
from pipelines.streaming.sinks.journal import FOLDER, PositionJournal
from tests.streams import positions


def reopened(folder: Path, number: int) -> dict[str, object]:
    journal = PositionJournal(LocalStorage(folder))
    journal.load(number)
    return dict(journal.positions)


def begun(folder: Path) -> PositionJournal:
    journal = PositionJournal(LocalStorage(folder))
    journal.load(None)
    journal.write_all(1)
    journal.taken(1, {}, ())
    return journal


def test_changes_add_up_and_what_was_not_taken_counts_for_nothing(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.write(2, positions(("a", "1"), ("b", "1")), ())
    journal.taken(2, positions(("a", "1"), ("b", "1")), ())
    journal.write(3, positions(("a", "9")), ())
    journal.write(4, positions(("a", "2")), ["b"])
    journal.taken(4, positions(("a", "2")), ["b"])
    assert reopened(tmp_path, 4) == dict(journal.positions) == positions(("a", "2"))
    assert reopened(tmp_path, 2) == positions(("a", "1"), ("b", "1"))


def test_now_and_then_all_are_written_and_older_files_retire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "LEAST", 3)
    journal = begun(tmp_path)
    for number in range(2, 30):
        journal.write(number, positions(("a", str(number))), ())
        journal.taken(number, positions(("a", str(number))), ())
        assert reopened(tmp_path, number) == positions(("a", str(number)))
    assert len(list((tmp_path / FOLDER).iterdir())) <= 6


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is gone, which says what the last rows were read from"):
        reopened(tmp_path, 7)
