"""The shell that every job runs in, around a job of a few lines in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs._cli import in_options_words
from pipelines.errors import UsageError
from tests.processes import Job

JOB = """
import ctypes
import os
import signal
import threading
import time
from dataclasses import dataclass
from jobs._cli import run
from pipelines import errors

library = ctypes.CDLL(None)
locked = ctypes.create_string_buffer(64)

def hang(_):
    "Unlike a sleep, this goes on after a signal."
    library.pthread_mutex_lock(locked)
    library.pthread_mutex_lock(locked)

def hang_at_exit():
    library.__cxa_atexit(ctypes.cast(library.pause, ctypes.c_void_p), None, None)
    threading.Thread(target=hang, args=(600,)).start()
    forever(time.sleep)

def hang_with_the_lock(_):
    "Unlike the other library, this one does not let go of Python's lock."
    library.pthread_mutex_lock(locked)
    ctypes.PyDLL(None).pthread_mutex_lock(locked)

def forever(during):
    print("hanging", flush=True)
    during(600)

def clear_up(how):
    try:
        forever(time.sleep)
    finally:
        print("clearing up", flush=True)
        how(600)

def swallow():
    while True:
        try:
            forever(time.sleep)
        except KeyboardInterrupt:
            pass

def clear_up_whole():
    try:
        forever(time.sleep)
    finally:
        print("clearing up", flush=True)
        time.sleep(1)
        print("cleared up", flush=True)

HANGING = {
    "library": lambda: forever(hang),
    "cleanup": lambda: clear_up(time.sleep),
    "library in cleanup": lambda: clear_up(hang),
    "swallow": swallow,
    "lock in cleanup": lambda: clear_up(hang_with_the_lock),
    "exit": hang_at_exit,
    "whole": clear_up_whole,
}

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
    if options.how in HANGING:
        HANGING[options.how]()
    if options.how == "bug":
        raise AssertionError("a bug")

run(Options, main, **({"grace": float(os.environ["GRACE"])} if "GRACE" in os.environ else {}))
print("ended")
"""


Run = Callable[..., tuple[int, str, str]]
Start = Callable[..., Job]


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


CUT_OFF = "ended by SIGTERM; what was under way did not end within 1 s, and was cut off\n"


@pytest.fixture
def start(repo: Path, tmp_path: Path) -> Start:
    """Begin a job that hangs, with a grace of so many seconds."""
    (tmp_path / "job.py").write_text(JOB)

    def begin(how: str, grace: float | None = 1) -> Job:
        environment = {**os.environ, "PYTHONPATH": str(repo)} | ({"GRACE": str(grace)} if grace else {})
        job = Job([sys.executable, str(tmp_path / "job.py"), "--how", how], environment, tmp_path)
        try:
            job.says("hanging")
        except AssertionError:
            job.__exit__()
            raise
        return job

    return begin


@pytest.mark.parametrize("how", ["library", "cleanup", "library in cleanup", "swallow"])
def test_whatever_it_is_at_it_ends_when_the_grace_is_over(how: str, start: Start) -> None:
    with start(how) as job:
        job.process.terminate()
        assert job.process.wait(9) == 143
        assert job.err in (CUT_OFF, "ended by SIGTERM\n" + CUT_OFF)


def test_a_library_that_keeps_python_from_running_is_ended_by_the_system(start: Start) -> None:
    with start("lock in cleanup") as job:
        job.process.terminate()
        assert job.process.wait(9) == -signal.SIGALRM


def test_neither_threads_nor_libraries_delay_the_end_when_all_is_cleared_up(start: Start) -> None:
    with start("exit", grace=60) as job:
        job.process.terminate()
        assert job.process.wait(30) == 143
        assert job.err == "ended by SIGTERM\n"


def test_a_job_is_gone_ten_seconds_after_it_was_told_to_end(start: Start) -> None:
    with start("library", grace=None) as job:
        told = time.monotonic()
        job.process.terminate()
        assert job.process.wait(60) == 143
        assert 7 < time.monotonic() - told < 10


@pytest.mark.parametrize(
    ("first", "code", "said"), [(signal.SIGTERM, 143, "ended by SIGTERM\n"), (signal.SIGINT, 130, "interrupted\n")]
)
def test_what_is_heard_while_it_clears_up_does_not_break_that_off(
    first: signal.Signals, code: int, said: str, start: Start
) -> None:
    with start("whole", grace=8) as job:
        job.process.send_signal(first)
        job.says("clearing up")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            job.process.send_signal(number)
        assert (job.ended(), job.err) == (code, said)
        assert job.last_line == "cleared up"


def test_a_job_in_the_background_of_a_shell_does_not_hear_ctrl_c(start: Start) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = start("whole", grace=8)
    finally:
        signal.signal(signal.SIGINT, before)
    with job:
        job.process.send_signal(signal.SIGINT)
        job.process.terminate()
        assert (job.ended(), job.err) == (143, "ended by SIGTERM\n")


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


def test_an_error_names_the_option_to_mend_it_by() -> None:
    assert in_options_words(UsageError("A batch of 3 is too small.")) == "A batch of 3 is too small."
    told = in_options_words(UsageError("It exists; choose another name.", option="min_actors"))
    assert told == "It exists; choose another name (--min-actors)."
