"""A watched folder: which versions of which files are items, and what becomes of them."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.errors import DataError, UsageError
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.streaming.folder import FolderOptions, FolderSource
from pipelines.streaming.source import Arrival, Position, Positions
from tests.processes import until

PNG = frozenset({".png"})
SETTLE = 0.05
Watch = Callable[..., FolderSource]


@pytest.fixture(params=["events", "looks"])
def watch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watch]:
    opened: list[FolderSource] = []
    # With events the rare looks are not what finds a file: the first comes at once, the next after five seconds.
    look = {"look_every": 0.02} if request.param == "looks" else {}

    def begin(committed: Positions | None = None, **options: object) -> FolderSource:
        source = FolderSource(tmp_path, FolderOptions(PNG, **{"settle": SETTLE, **look, **options}))  # type: ignore[arg-type]
        opened.append(source)
        source.open(committed or {})
        source.poll(0, 0)
        return source

    yield begin
    for source in opened:
        source.close()


def polled(source: FolderSource, count: int) -> list[Arrival]:
    found: list[Arrival] = []
    until(lambda: found.extend(source.poll(100, 0.2)) or len(found) >= count, f"{count} items came", 30)
    assert len(found) == count
    return found


def nothing(source: FolderSource) -> bool:
    return source.poll(100, 4 * SETTLE) == []


def done(*arrivals: Arrival, failed: bool = False) -> dict[str, Position]:
    return {one.key: Position(one.at, failed) for one in arrivals}


def test_files_that_are_there_and_that_come_are_items_once_each(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    source = watch()
    [first] = polled(source, 1)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.png").write_bytes(b"b")
    [second] = polled(source, 1)
    assert (first.key, first.name, first.content.read()) == ("a.png", str(tmp_path / "a.png"), b"a")  # type: ignore[union-attr]
    assert second.key == "deep/er/b.png"
    assert abs(second.arrived_at - time.time()) < 30
    assert nothing(source)


def test_a_file_is_waited_for_while_it_is_open_for_writing_or_locked(watch: Watch, tmp_path: Path) -> None:
    source = watch()
    with (tmp_path / "a.png").open("wb") as written, (tmp_path / "b.png").open("wb") as locked:
        written.write(b"half")
        written.flush()
        locked.write(b"whole")
        locked.close()
        holder = os.open(tmp_path / "b.png", os.O_RDONLY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert nothing(source)
        assert source.lag().items == 2
        written.write(b" and half")
    [one] = polled(source, 1)
    assert one.content.read() == b"half and half"  # type: ignore[union-attr]
    os.close(holder)
    assert [one.key for one in polled(source, 1)] == ["b.png"]


def test_a_file_is_waited_for_while_it_grows(watch: Watch, tmp_path: Path) -> None:
    source = watch(settle=0.5)
    for _ in range(3):
        with (tmp_path / "a.png").open("ab") as file:
            file.write(b"part")
        assert source.poll(1, 0.3) == []
    [one] = polled(source, 1)
    assert one.content.read() == b"part" * 3  # type: ignore[union-attr]


def test_what_is_hidden_or_named_otherwise_is_left_alone(watch: Watch, tmp_path: Path) -> None:
    source = watch()
    for name in (".a.png", "a.png.part", "a.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert nothing(source)
    (tmp_path / "a.png.part").rename(tmp_path / "a.png")
    assert [one.key for one in polled(source, 1)] == ["a.png"]


def test_a_changed_file_is_another_version(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    source = watch()
    [first] = polled(source, 1)
    (tmp_path / "a.png").write_bytes(b"another")
    [second] = polled(source, 1)
    assert (first.key, second.content.read()) == (second.key, b"another")  # type: ignore[union-attr]
    assert first.at != second.at
    stale = first.content.read()  # type: ignore[union-attr]
    assert isinstance(stale, Reason)
    assert stale.code is ReasonCode.CHANGED_WHILE_READ


def test_what_is_done_is_moved_and_its_name_is_free_for_new_items(watch: Watch, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    source = watch(afterwards="move")
    a, b = sorted(polled(source, 2))
    assert source.commit(done(a) | done(b, failed=True)) == ["a.png", "b.png"]
    assert (tmp_path / "done" / "a.png").read_bytes() == b"a.png"
    assert (tmp_path / "failed" / "b.png").read_bytes() == b"b.png"
    (tmp_path / "a.png").write_bytes(b"new")
    [again] = polled(source, 1)
    source.commit(done(again))
    assert (tmp_path / "done" / "a~2.png").read_bytes() == b"new"
    assert nothing(source)


def test_a_file_that_was_replaced_before_it_could_be_moved_stays(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    source = watch(afterwards="move")
    [first] = polled(source, 1)
    (tmp_path / "a.png").write_bytes(b"another")
    source.commit(done(first))
    assert [one.content.read() for one in polled(source, 1)] == [b"another"]  # type: ignore[union-attr]


def test_a_new_start_repeats_the_moves_of_what_is_committed_and_reads_the_rest(watch: Watch, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    a, b = sorted(polled(watch(afterwards="move"), 2))
    source = watch(done(a), afterwards="move")
    assert (tmp_path / "done" / "a.png").exists()
    assert polled(source, 1) == [b]
    assert source.commit(done(b)) == ["a.png", "b.png"]


def test_what_is_left_is_not_read_again_and_what_is_deleted_is_forgotten(watch: Watch, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    a, b = sorted(polled(watch(), 2))
    source = watch(done(a, b))
    assert nothing(source)
    (tmp_path / "a.png").unlink()
    source._look_at = 0.0
    source.poll(0, 0)
    assert source.commit({}) == ["a.png"]
    (tmp_path / "a.png").write_bytes(b"a.png")
    assert [one.key for one in polled(source, 1)] == ["a.png"]


def test_a_folder_that_is_away_is_an_outage(watch: Watch, tmp_path: Path) -> None:
    source = watch()
    source._device += 1
    source._look_at = 0.0
    with pytest.raises(DataError, match="is not mounted any more"):
        source.poll(1, 0)
    source._device -= 1
    shutil.move(tmp_path, tmp_path.with_name("elsewhere"))
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        source.poll(1, 0)
    shutil.move(tmp_path.with_name("elsewhere"), tmp_path)
    assert source.poll(1, 0) == []


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        FolderSource(tmp_path / "none", FolderOptions(PNG)).open({})
