"""The suite on several workers, as `make test` runs it: it ends as a whole, and nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clusters import mentioning
from tests.processes import until

LONGER_THAN_XDIST_WAITS_S = 6
TEST = f"""
import subprocess, sys, time
from pathlib import Path
import pytest

MARK = Path(__file__).with_suffix("")

@pytest.fixture
def clearing():
    yield
    time.sleep({LONGER_THAN_XDIST_WAITS_S} if WAIT else 0)
    MARK.with_suffix(".cleared").touch()

def test_it(clearing):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MARK], start_new_session="one" in MARK.name)
    MARK.with_suffix(".begun").touch()
    time.sleep(WAIT)
"""


@pytest.fixture
def suite(repo: Path, tmp_path: Path) -> Callable[[float], subprocess.Popen[str]]:
    """Two workers with a test each, which starts a process, forgets it, and waits so long."""

    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    def started(wait: float) -> subprocess.Popen[str]:
        for name in ("test_one", "test_other"):
            (tmp_path / f"{name}.py").write_text(f"WAIT = {wait}\n{TEST}")
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p xdist -p tests.parallel -n 2 --dist loadfile\n")
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", tmp_path, "-p", "no:cacheprovider"],
            env=env | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=repo,
            stdout=subprocess.PIPE,
            text=True,
            # As in a terminal, where a group of processes hears of Ctrl-C.
            start_new_session=True,
        )

    return started


def both(folder: Path, state: str) -> bool:
    return len(list(folder.glob(f"*.{state}"))) == 2


def begun(running: subprocess.Popen[str], folder: Path) -> bool:
    assert running.poll() is None
    return both(folder, "begun")


def test_ctrl_c_lets_every_worker_clear_up(suite: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with suite(600) as running:
        until(lambda: begun(running, tmp_path), "both begin")
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate()
    assert running.returncode == pytest.ExitCode.INTERRUPTED, said
    assert both(tmp_path, "cleared")
    assert mentioning(str(tmp_path)) == {}


def test_sigterm_ends_the_workers_with_all_they_started(
    suite: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with suite(600) as running:
        until(lambda: begun(running, tmp_path), "both begin")
        running.terminate()
        said, _ = running.communicate()
    assert running.returncode == pytest.ExitCode.INTERRUPTED, said
    assert mentioning(str(tmp_path)) == {}


def test_a_process_left_behind_is_ended_and_fails_the_whole(
    suite: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with suite(0) as running:
        said, _ = running.communicate()
    assert running.returncode == pytest.ExitCode.TESTS_FAILED
    assert "2 passed" in said
    assert said.partition("left behind:")[2].count("time.sleep(600)") == 2
    assert mentioning(str(tmp_path)) == {}


def test_a_failure_is_told_in_one_line_by_make(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "pytest").chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    for target in ("test", "quick"):
        command = ["make", "--assume-old=lint", target, f"BIN={tmp_path}"]
        done = subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith(f"make {target}: a test failed, see above\n")
