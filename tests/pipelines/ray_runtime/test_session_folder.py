"""The folder of a job's own Ray goes with the job, or with the next one."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.ray_runtime.session_folder import _remove, _short, session_folder

HOLDER = """
import sys
from pipelines.ray_runtime.session_folder import session_folder

with session_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of which no other job knows."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@contextmanager
def job(scratch: Path, repo: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another job, and its folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=repo,
        env={"TMPDIR": str(scratch)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.stdin.close()


def test_the_folder_of_a_job_that_was_killed_goes_with_the_next(scratch: Path, repo: Path) -> None:
    with job(scratch, repo) as (killed, left), job(scratch, repo) as (_, used):
        killed.kill()
        killed.wait()
        assert left.exists()
        with session_folder() as own:
            assert set(scratch.iterdir()) == {own, used}
    assert list(scratch.iterdir()) == []


def test_other_folders_of_that_name_stay(scratch: Path) -> None:
    """A cluster's, which has no lock, and that of a job which is about to hold its own."""
    (scratch / "inkray-cluster" / "ray").mkdir(parents=True)
    (scratch / "inkray-young").mkdir()
    (scratch / "inkray-young" / "job.lock").touch()
    with session_folder():
        pass
    assert {folder.name for folder in scratch.iterdir()} == {"inkray-cluster", "inkray-young"}


def test_its_folder_goes_though_a_process_that_is_killed_still_writes_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    remove, times = shutil.rmtree, itertools.count(1)

    def remove_while_it_is_written(path: Path, **words: bool) -> None:
        if next(times) < 3:
            (folder / "log").write_text("last words")
        else:
            remove(path, **words)

    monkeypatch.setattr("pipelines.ray_runtime.session_folder.shutil.rmtree", remove_while_it_is_written)
    _remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("temporary", "taken"), [("/tmp", "/tmp"), ("/" + "t" * 20, "/" + "t" * 20), ("/" + "t" * 21, "/tmp")]
)
def test_where_its_sockets_would_lie_too_deep_it_goes_elsewhere(temporary: str, taken: str) -> None:
    assert _short(temporary) == taken
    # Where the name of a socket is longest: in sockets/ of a session named for a moment and a process.
    session = "ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
    assert len(f"{taken}/inkray-12345678/{session}") < 107
