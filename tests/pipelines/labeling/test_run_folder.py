"""The output folder of a run: one run, one process, and what a process that died left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import InkrayError, UsageError
from pipelines.files.storage import LocalStorage
from pipelines.labeling.run_folder import LabelingRunFolder, open_run
from tests.inputs import folder_of
from tests.stores import refusal, tree

IDENTITY = {"input": "/digits", "model": "small:1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "out"


def opened(path: Path, fresh: bool = False, **changes: Any) -> AbstractContextManager[LabelingRunFolder]:
    return open_run(path, "parquet", IDENTITY | changes, fresh)


def enter(run: AbstractContextManager[LabelingRunFolder]) -> None:
    with run:
        pass


def with_parts(path: Path, *shards: int) -> None:
    with opened(path):
        folder_of(path / "rows", {f"part-{shard:06d}.parquet": b"rows" for shard in shards})


def test_a_new_folder_is_made_and_nothing_is_done_in_it(path: Path) -> None:
    with opened(path) as folder:
        assert (folder.done(), folder.summary(), folder.left_under_way()) == (set(), None, set())
    assert tree(path) == {"run.json", ".work/lock"}


def test_the_same_run_goes_on_where_it_was(path: Path) -> None:
    with_parts(path, 0, 3)
    with opened(path) as folder:
        assert folder.done() == {0, 3}


def test_another_run_is_refused(path: Path) -> None:
    with_parts(path, 0)
    assert refusal(UsageError, lambda: enter(opened(path, model="small:2"))) == (
        f"{path} belongs to another run: its model is 'small:1', and this one's is 'small:2'. "
        "Name another folder, or start over in this one."
    )
    assert LabelingRunFolder(LocalStorage(path), "parquet").done() == {0}


def test_fresh_starts_over_with_nothing_of_the_run_before(path: Path) -> None:
    with_parts(path, 0, 3)
    with opened(path) as folder:
        folder.finish({"items": 4}, "report")
        folder_of(path, {".work/kept/000000-0.npz": b"x", ".work/under-way/7-1": b""})
    with opened(path, fresh=True, model="small:2") as folder:
        assert (folder.done(), folder.summary(), folder.left_under_way()) == (set(), None, set())
    assert tree(path) == {"run.json", ".work/lock"}
    enter(opened(path, model="small:2"))


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_things_is_refused_and_left_as_it_is(path: Path, fresh: bool) -> None:
    folder_of(path, {"thesis.doc": b"x", "a": b"x", "c/d": b"x", "b": b"x"})
    assert refusal(UsageError, lambda: enter(opened(path, fresh))) == (
        f"The folder {path} holds other things (a, b, c); name a new or empty one."
    )
    assert tree(path) == {"thesis.doc", "a", "b", "c/d"}


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    assert refusal(UsageError, lambda: enter(opened(tmp_path / "out"))) == (
        f"{tmp_path}/out is a file; name a folder for the results."
    )
    assert refusal(UsageError, lambda: enter(opened(tmp_path / "out" / "in"))) == (
        f"The output folder {tmp_path}/out/in cannot be written: Not a directory. Mend that, or name another."
    )


HOLD = """
import sys
from pathlib import Path
from pipelines.labeling.run_folder import open_run

with open_run(Path(sys.argv[1]), "parquet", {"input": "/digits", "model": "small:1"}, False) as folder:
    with folder.under_way(5):
        print("held", flush=True)
        sys.stdin.read()
"""


def hold(path: Path, repo: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(path)]
    holder = subprocess.Popen(command, cwd=repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_is_refused_while_the_first_is_at_work(path: Path, repo: Path) -> None:
    holder = hold(path, repo)
    try:
        for fresh in (False, True):
            assert refusal(InkrayError, lambda fresh=fresh: enter(opened(path, fresh))) == (
                f"Another process ({holder.pid} on {os.uname().nodename}) is labelling into {path}; wait for it, or "
                "end it."
            )
    finally:
        holder.communicate()
    with opened(path) as folder:
        assert folder.left_under_way() == set()


def test_a_process_that_was_killed_holds_nothing_and_leaves_its_marks(path: Path, repo: Path) -> None:
    holder = hold(path, repo)
    holder.kill()
    holder.communicate()
    with opened(path) as folder:
        assert folder.left_under_way() == {5}
        assert folder.left_under_way() == set()


def test_a_mark_of_a_part_that_was_done_since_is_no_suspicion(path: Path, repo: Path) -> None:
    holder = hold(path, repo)
    holder.kill()
    holder.communicate()
    with_parts(path, 5)
    with opened(path) as folder:
        assert folder.left_under_way() == set()


def test_an_exception_takes_its_mark_along(path: Path) -> None:
    with opened(path) as folder:
        with pytest.raises(ValueError, match="no"), folder.under_way(1):
            raise ValueError("no")
        assert folder.left_under_way() == set()


def test_a_finished_run_has_its_summary_last(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as folder:
        folder.finish({"items": 4}, "<html>")
        assert folder.summary() == {"items": 4}
        assert (path / "report.html").read_text() == "<html>"


def test_what_is_hidden_does_not_stand_in_the_way_and_drafts_of_the_killed_go(path: Path) -> None:
    with_parts(path, 0)
    folder_of(path, {".DS_Store": b"", f".report.html-{'0' * 32}": b"half", f".run.json-{'f' * 32}": b"ha"})
    enter(opened(path))
    assert {entry.name for entry in path.iterdir()} == {"run.json", "rows", ".work", ".DS_Store"}
