from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pipelines.files.locks import HeldByAnother, locked

HOLDER = """
import os
import sys
from pathlib import Path
from pipelines.files.locks import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, repo: Path, code: str = HOLDER) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds it until its input ends."""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, cwd=repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield process
        process.stdin.close()


def test_whoever_finds_it_held_is_told_by_whom(tmp_path: Path, repo: Path) -> None:
    with holder(tmp_path / "lock", repo) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        with pytest.raises(HeldByAnother) as found, locked(tmp_path / "lock", wait=False):
            pass
    assert str(found.value) == f"{other.pid} on {os.uname().nodename}"


def test_whoever_waits_holds_it_after_the_other(tmp_path: Path, repo: Path) -> None:
    with ExitStack() as ending:
        with locked(tmp_path / "lock"):
            other = ending.enter_context(holder(tmp_path / "lock", repo))
            assert other.stdout and select.select([other.stdout], [], [], 1.0)[0] == []
        assert other.stdout.readline() == "held\n"


def test_it_is_free_once_its_holder_was_killed(tmp_path: Path, repo: Path) -> None:
    with holder(tmp_path / "lock", repo) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        with locked(tmp_path / "lock", wait=False):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()} on {os.uname().nodename}"


def test_it_is_free_once_its_holder_was_killed_though_what_that_forked_lives(tmp_path: Path, repo: Path) -> None:
    with holder(tmp_path / "lock", repo, HOLDER.replace("print", "os.fork() or print")) as other:
        assert other.stdout and other.stdout.readline() == "held\n"
        other.kill()
        other.wait()
        with locked(tmp_path / "lock", wait=False):
            pass
