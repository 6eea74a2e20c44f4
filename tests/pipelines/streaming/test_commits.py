"""What is committed when: in the order of each key, together what is ready, and again what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import DataError
from pipelines.labeling.rows import SCHEMA
from pipelines.streaming.commits import Commit, Commits
from pipelines.streaming.pool import MicroBatch
from pipelines.streaming.sinks.delta import DeltaSink
from pipelines.streaming.sinks.upkeep import Upkeep
from pipelines.streaming.source import Arrival
from pipelines.streaming.work import BatchRead
from tests.streams import in_table, positions, rows_of


def batch(*items: tuple[str, str]) -> MicroBatch:
    return MicroBatch([Arrival(key, at, key, 0.0, b"") for key, at in items])


def read(one: MicroBatch) -> None:
    one.read = BatchRead(rows_of(*((a.key, a.at) for a in one.arrivals)), [False] * len(one.arrivals))


@pytest.fixture
def sink(tmp_path: Path) -> DeltaSink:
    sink = DeltaSink(str(tmp_path), SCHEMA, Upkeep())
    sink.try_to_lead()
    return sink


def committed(commits: Commits) -> Commit | None:
    commits.begin()
    if not commits.idle:
        commits.wait(30)
    return commits.finished()


def test_a_batch_waits_for_earlier_ones_of_its_keys_and_for_no_others(sink: DeltaSink, tmp_path: Path) -> None:
    commits = Commits(sink)
    slow, same, other = batch(("a", "1"), ("b", "1")), batch(("b", "2")), batch(("c", "1"))
    for one in (slow, same, other):
        commits.expect(one)
    read(same)
    read(other)
    assert (first := committed(commits)) is not None
    assert first.done == positions(("c", "1"))
    assert (commits.items, in_table(tmp_path)) == (3, [("c", "1")])
    read(slow)
    assert (second := committed(commits)) is not None
    assert second.done == positions(("a", "1"), ("b", "2"))
    assert second.rows["at"].to_pylist() == ["1", "1", "2"]
    assert committed(commits) is None
    commits.close()


def test_a_key_that_is_done_anew_is_not_forgotten(sink: DeltaSink) -> None:
    commits = Commits(sink)
    commits.forget(["a", "b"])
    commits.expect(one := batch(("a", "2")))
    read(one)
    commit = committed(commits)
    assert commit is not None
    assert commit.forgotten == ["b"]
    commits.close()


def test_what_failed_is_committed_again_just_as_it_was(sink: DeltaSink, tmp_path: Path) -> None:
    commits = Commits(sink)
    commits.expect(one := batch(("a", "1")))
    read(one)
    (tmp_path / ".work" / "positions").rename(tmp_path / "away")
    (tmp_path / ".work" / "positions").touch()
    with pytest.raises(DataError):
        committed(commits)
    commits.expect(later := batch(("a", "2")))
    read(later)
    (tmp_path / ".work" / "positions").unlink()
    (tmp_path / "away").rename(tmp_path / ".work" / "positions")
    assert (again := committed(commits)) is not None
    assert again.done == positions(("a", "1"))
    assert (last := committed(commits)) is not None
    assert last.done == positions(("a", "2"))
    assert in_table(tmp_path) == [("a", "1"), ("a", "2")]
    commits.close()
