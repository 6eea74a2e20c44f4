"""The two halves of the suite, as `make test` runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.__main__ import halves, run_side_by_side
from tests.processes import until

WAIT_FOR_CTRL_C = """
import pathlib, signal, sys, time
begun, clearing, allowed = (pathlib.Path(sys.argv[1] + end) for end in (".begun", ".clearing", ".allowed"))
try:
    begun.touch()
    signal.pause()
except KeyboardInterrupt:
    clearing.touch()
    while not allowed.exists():
        time.sleep(0.01)
    print("cleared up")
    sys.exit(2)
"""
TWO_THAT_WAIT = f"""
import sys
from tests.__main__ import run_side_by_side
sys.exit(run_side_by_side({{name: [sys.executable, "-c", {WAIT_FOR_CTRL_C!r}, name] for name in sys.argv[1:]}}))
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_each_is_heard_as_a_whole_and_summed_up_at_the_end(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    talking = python("import sys\nfor _ in range(3): print('one', flush=True)")
    assert run_side_by_side({"first": talking, "second": python("print('two'); print('== 3 passed ==')")}) == 0
    assert capfdbinary.readouterr().out == b"one\none\none\ntwo\n== 3 passed ==\n\nfirst: one\nsecond: 3 passed\n"


@pytest.mark.parametrize("codes", [(0, 1), (1, 0), (2, 5)])
def test_one_that_fails_fails_the_whole(codes: tuple[int, int]) -> None:
    ending = {str(place): python(f"raise SystemExit({code})") for place, code in enumerate(codes)}
    assert run_side_by_side(ending) == max(codes)


def test_one_that_is_killed_fails_the_whole() -> None:
    assert run_side_by_side({"well": python(""), "killed": python("import os; os.kill(os.getpid(), 9)")}) == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_are_interrupted_once_and_clear_up(number: signal.Signals, repo: Path, tmp_path: Path) -> None:
    both = [f"{tmp_path}/one", f"{tmp_path}/other"]
    process = subprocess.Popen([*python(TWO_THAT_WAIT), *both], cwd=repo, stdout=subprocess.PIPE)
    # A terminal and the one who started it may both say so.
    for state in (".begun", ".clearing"):
        until(lambda: all(Path(half + state).exists() for half in both), f"both are {state}")  # noqa: B023
        process.send_signal(number)
    for half in both:
        Path(half + ".allowed").touch()
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said.splitlines().count(b"cleared up"), b"Traceback" in said) == (2, 2, False)


def test_whatever_shares_the_cluster_is_in_one_half_and_all_else_in_the_other(repo: Path) -> None:
    sharing, others = halves().values()
    assert f"{repo}/tests/jobs/test_submit.py" in sharing
    assert f"{repo}/tests/serve_app/test_served.py" not in sharing
    assert others == [f"{repo}/tests", *(f"--ignore={test}" for test in sharing)]


def test_a_failure_is_told_in_one_line_by_make(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--assume-old=lint", "test", f"BIN={tmp_path}"]
    done = subprocess.run(command, cwd=repo, env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("make test: a test failed, see above\n")
