"""A table over months: few files, the days that are to be kept, and every row once all the while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from pipelines.labeling.rows import SCHEMA
from pipelines.streaming.sinks import delta, upkeep
from pipelines.streaming.sinks.delta import DeltaSink
from pipelines.streaming.sinks.upkeep import Upkeep
from tests.streams import in_table, positions, rows_of

NOW = datetime.now(UTC)


class Clock(datetime):
    """Another day than today."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return NOW + cls.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(upkeep, "LOOK_S", -1.0)
    for module in (delta, upkeep):
        monkeypatch.setattr(module, "datetime", Clock)
    monkeypatch.setattr(Clock, "ahead", timedelta())
    return Clock


def files(output: Path) -> int:
    return len(DeltaTable(str(output / "rows")).file_uris())


def test_small_files_are_merged_and_a_day_that_is_over_once_more(clock: type[Clock], tmp_path: Path) -> None:
    sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep(merge_files=4))
    sink.try_to_lead()
    found = []
    for at in range(10):
        sink.commit(rows_of(("a", str(at))), positions(("a", str(at))), [])
        sink.tidy()
        found.append(files(tmp_path))
    assert found == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]
    sink.commit(rows_of(("b", "0")), positions(("b", "0")), [])
    clock.ahead = timedelta(days=1)
    sink.commit(rows_of(("c", "0")), positions(("c", "0")), [])
    sink.tidy()
    assert files(tmp_path) == 2
    assert in_table(tmp_path) == [*(("a", str(at)) for at in range(10)), ("b", "0"), ("c", "0")]


def test_old_days_retire_and_positions_stay(clock: type[Clock], tmp_path: Path) -> None:
    sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep(keep_days=1))
    sink.try_to_lead()
    for day in range(4):
        clock.ahead = timedelta(days=day)
        sink.commit(rows_of(("a", str(day))), positions(("a", str(day))), [])
        sink.tidy()
    assert in_table(tmp_path) == [("a", "2"), ("a", "3")]
    sink.close()
    assert DeltaSink(str(tmp_path), SCHEMA, Upkeep()).try_to_lead() == positions(("a", "3"))


def test_a_clock_that_jumps_changes_days_alone(clock: type[Clock], tmp_path: Path) -> None:
    sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep(merge_files=2))
    for at, days in enumerate((0, -400, 400, 0, -1)):
        clock.ahead = timedelta(days=days)
        if at != 2:
            sink.close()
            sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep(merge_files=2))
            assert sink.try_to_lead() == (positions(("a", str(at - 1))) if at else {})
        sink.commit(rows_of(("a", str(at))), positions(("a", str(at))), [])
        sink.tidy()
    assert in_table(tmp_path) == [("a", str(at)) for at in range(5)]


def test_what_belongs_to_no_version_is_deleted(
    clock: type[Clock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "VACUUM_S", -1.0)
    monkeypatch.setattr(upkeep, "KEPT_HOURS", 0)
    sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep(merge_files=2))
    sink.try_to_lead()
    for at in "12":
        sink.commit(rows_of(("a", at)), positions(("a", at)), [])
    sink.tidy()
    assert len(list(tmp_path.glob("rows/day=*/*.parquet"))) == 1
    assert in_table(tmp_path) == [("a", "1"), ("a", "2")]
