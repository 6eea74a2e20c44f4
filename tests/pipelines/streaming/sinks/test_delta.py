"""A Delta table as a sink: rows and positions in one commit, of one driver at a time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipelines.errors import DataError, UsageError
from pipelines.labeling.rows import SCHEMA
from pipelines.streaming.sink import SupersededError
from pipelines.streaming.sinks.delta import DeltaSink
from pipelines.streaming.sinks.upkeep import Upkeep
from tests.s3 import Bucket
from tests.s3 import s3_server as s3_server
from tests.streams import in_table, positions, rows_of


def leading(output: Path) -> DeltaSink:
    sink = DeltaSink(str(output), SCHEMA, Upkeep())
    assert sink.try_to_lead() is not None
    return sink


def test_rows_and_positions_are_there_for_the_next_driver(tmp_path: Path) -> None:
    first = leading(tmp_path)
    first.commit(rows_of(("a", "1"), ("b", "1")), positions(("a", "1"), ("b", "1")), [])
    first.commit(rows_of(("a", "2")), positions(("a", "2")), ["b"])
    second = DeltaSink(str(tmp_path), SCHEMA, Upkeep())
    assert second.try_to_lead() is None
    first.close()
    assert second.try_to_lead() == positions(("a", "2"))
    second.commit(rows_of(), positions(("c", "1")), [])
    second.close()
    assert DeltaSink(str(tmp_path), SCHEMA, Upkeep()).try_to_lead() == positions(("a", "2"), ("c", "1"))
    assert in_table(tmp_path) == [("a", "1"), ("a", "2"), ("b", "1")]


def test_who_led_before_is_refused_even_if_the_lock_was_lost(tmp_path: Path) -> None:
    before = leading(tmp_path)
    before.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    before._held.close()
    after = leading(tmp_path)
    with pytest.raises(SupersededError, match="Another process writes the rows"):
        before.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    with pytest.raises(SupersededError):
        before.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    assert in_table(tmp_path) == [("a", "1"), ("a", "2")]
    assert leading_after(after, tmp_path) == positions(("a", "2"))


def leading_after(sink: DeltaSink, output: Path) -> object:
    sink.close()
    return DeltaSink(str(output), SCHEMA, Upkeep()).try_to_lead()


def test_what_another_does_to_the_table_meanwhile_is_no_reason_to_give_up(tmp_path: Path) -> None:
    sink = leading(tmp_path)
    for at in "123":
        sink.commit(rows_of(("a", at)), positions(("a", at)), [])
    DeltaTable(str(tmp_path / "rows")).optimize.compact()
    sink.commit(rows_of(("a", "4")), positions(("a", "4")), [])
    assert in_table(tmp_path) == [("a", at) for at in "1234"]


def test_a_commit_that_failed_is_made_once_when_the_place_is_there_again(tmp_path: Path) -> None:
    output = tmp_path / "out"
    sink = leading(output)
    shutil.move(output / "rows", tmp_path / "away")
    (output / "rows").write_text("in the way")
    with pytest.raises(DataError, match=r"The rows in .*/out cannot be written: "):
        sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    (output / "rows").unlink()
    shutil.move(tmp_path / "away", output / "rows")
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    assert in_table(output) == [("a", "1")]
    assert leading_after(sink, output) == positions(("a", "1"))


def test_a_commit_whose_answer_was_lost_is_not_made_twice(tmp_path: Path) -> None:
    sink = leading(tmp_path)
    table = sink._table

    class AnswerLost:
        """The table commits, and then the connection breaks."""

        def __getattr__(self, name: str) -> object:
            return getattr(table, name)

        def update_incremental(self) -> None:
            sink._table = table
            raise OSError("connection reset by peer")

    sink._table = AnswerLost()
    with pytest.raises(DataError, match="connection reset"):
        sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    sink.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    sink.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    assert in_table(tmp_path) == [("a", "1"), ("a", "2")]
    assert leading_after(sink, tmp_path) == positions(("a", "2"))


def test_in_an_object_store_as_in_a_folder(s3_server: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.env.items():
        monkeypatch.setenv(name, value)
    place = s3_server.new_place()
    before = DeltaSink(place, SCHEMA, Upkeep())
    assert before.try_to_lead() == {}
    before.commit(rows_of(("a", "1")), positions(("a", "1")), [])
    assert DeltaSink(place, SCHEMA, Upkeep()).try_to_lead() is None
    before._held.close()
    # As for one whose machine slept, and that does not know it.
    before._storage._lock = None  # type: ignore[attr-defined]
    after = DeltaSink(place, SCHEMA, Upkeep())
    assert after.try_to_lead() == positions(("a", "1"))
    with pytest.raises(SupersededError):
        before.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    after.commit(rows_of(("a", "2")), positions(("a", "2")), [])
    where, options = after._storage.for_tables("rows")
    rows = DeltaTable(where, storage_options=options).to_pyarrow_table(columns=["at"])
    assert sorted(rows["at"].to_pylist()) == ["1", "2"]
    after.close()


def test_a_place_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bulk" / "rows").mkdir(parents=True)
    (tmp_path / "bulk" / "rows" / "part-000000.parquet").touch()
    with pytest.raises(UsageError, match="holds files that are no table of a stream"):
        DeltaSink(str(tmp_path / "bulk"), SCHEMA, Upkeep()).try_to_lead()
    leading(tmp_path / "out").close()
    with pytest.raises(UsageError, match="has other columns"):
        DeltaSink(str(tmp_path / "out"), SCHEMA.append(SCHEMA.field(0).with_name("field")), Upkeep()).try_to_lead()
