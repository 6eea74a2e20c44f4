"""The suite on several workers side by side, as `make test` runs it.

Each worker is a process with a folder and a shared Ray cluster of its own, and takes one file of tests after the other.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from contextlib import suppress

import psutil
import pytest
import xdist

from cluster.processes import is_running

RUN = "PYTEST_XDIST_TESTRUNUID"
"""Which xdist sets for every worker, and so for all that it starts."""
ENDING_S = 10.0
POLL_S = 0.2


def pytest_xdist_auto_num_workers() -> int:
    """As many as there are cores, which the processes of Ray keep busy: with more, all take longer."""
    return len(os.sched_getaffinity(0))


def pytest_configure(config: pytest.Config) -> None:
    # Whatever a shell starts in the background would ignore Ctrl-C, and so would the jobs that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.dist != "no":
        config.option.testrunuid = secrets.token_hex(16)
        # Otherwise it would end at once, and nobody would clear up.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_keyboard_interrupt() -> None:
    """A terminal, xdist and whoever started this may all say so, and twice would break off the clearing up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what the workers left: an interruption or a crash may have cut them short, and otherwise it is a failure."""
    if not xdist.is_xdist_controller(session):
        return
    run, interrupted = session.config.option.testrunuid, session.exitstatus == pytest.ExitCode.INTERRUPTED
    deadline = time.monotonic() + (0 if interrupted else ENDING_S)
    while (left := left_behind(run)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if left and not interrupted:
        print("\nleft behind:", *(one.info["cmdline"] for one in left), sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def left_behind(run: str) -> list[psutil.Process]:
    """All processes that came from the workers of this run, those included that hide it by a title of their own."""
    running = {one: session_of(one) for one in psutil.process_iter(["environ", "cmdline"]) if is_running(one)}
    tagged = {one for one in running if (one.info["environ"] or {}).get(RUN) == run}
    sessions = {running[one] for one in tagged} - {os.getsid(0), None}
    return [one for one, session in running.items() if one in tagged or session in sessions]


def session_of(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(process.pid)
    return None
