"""The shell that every job runs in, around a job of a few lines in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

JOB = """
import os
import signal
from dataclasses import dataclass
from jobs._cli import run
from pipelines import errors

@dataclass
class Options:
    '''Try how a job ends.'''
    how: str
    '''What happens.'''

def main(options):
    print("begun", flush=True)
    if options.how == "interrupt":
        raise KeyboardInterrupt
    if options.how == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
    if options.how in vars(errors):
        raise vars(errors)[options.how]("it is so, mend it thus.")
    if options.how == "bug":
        raise AssertionError("a bug")

run(Options, main)
print("ended")
"""


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def job(repo: Path, tmp_path: Path) -> Run:
    """Run the job and give its exit code, what it printed and what it complained of."""
    (tmp_path / "job.py").write_text(JOB)

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, str(tmp_path / "job.py"), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(repo)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_job_that_works_exits_0(job: Run) -> None:
    assert job("--how", "well") == (0, "begun\nended\n", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [("UsageError", 2), ("DataError", 1), ("StoreError", 1), ("ClusterError", 1), ("TrainingError", 1)],
)
def test_an_error_is_one_sentence_and_its_exit_code(job: Run, error: str, code: int) -> None:
    assert job("--how", error) == (code, "begun\n", "error: it is so, mend it thus.\n")


def test_an_interrupt_is_one_word_and_130(job: Run) -> None:
    assert job("--how", "interrupt") == (130, "begun\n", "interrupted\n")


def test_being_ended_is_told_and_143(job: Run) -> None:
    assert job("--how", "terminate") == (143, "begun\n", "ended by SIGTERM\n")


@pytest.mark.parametrize("arguments", [[], ["--how"], ["--hwo", "well"], ["well"]])
def test_a_mistyped_option_exits_2_before_anything_is_done(job: Run, arguments: list[str]) -> None:
    code, printed, said = job(*arguments)
    assert (code, printed) == (2, "")
    assert "--how" in said or "--hwo" in said or "well" in said
    assert "Traceback" not in said


def test_help_tells_what_the_job_and_its_options_do(job: Run) -> None:
    code, printed, said = job("--help")
    assert (code, said) == (0, "")
    assert "Try how a job ends." in printed
    assert "What happens." in printed


def test_a_bug_is_not_hidden(job: Run) -> None:
    code, _, said = job("--how", "bug")
    assert code == 1
    assert said.endswith("AssertionError: a bug\n")
    assert "Traceback" in said
