from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from cluster import processes
from cluster.processes import TAG, end, is_running, owned

# Each says the number of the process it is about.
DESCENDANT = "env -i setsid sleep 600 & echo $!; wait"
ORPHAN = "(env -i sleep 600 & echo $!); exec sleep 601"
STUBBORN = "trap '' TERM; echo $$; exec sleep 600"
STUBBORN_DESCENDANT = f'env -i setsid sh -c "{STUBBORN.replace("$", chr(92) + "$")}" & wait'


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex


Start = Callable[[str], tuple[subprocess.Popen[str], int]]


@pytest.fixture
def start(tag: str) -> Iterator[Start]:
    """Starts a shell with the tag; gives it and the number it said."""
    with ExitStack() as held:

        def started(script: str) -> tuple[subprocess.Popen[str], int]:
            shell = held.enter_context(
                subprocess.Popen(
                    ["sh", "-c", script],
                    env={TAG: tag, "PATH": "/usr/bin:/bin"},
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            assert shell.stdout
            return shell, int(shell.stdout.readline())

        yield started
        end(tag)


def wait_for(tag: str, shell: int, untagged: int) -> None:
    """Until exactly these two are found, and the second has lost its environment."""
    deadline = time.monotonic() + 20
    while (found := {process.pid for process in owned(tag)}) != {shell, untagged} or tagged(untagged):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def tagged(pid: int) -> bool:
    return TAG in psutil.Process(pid).environ()


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and is_running(psutil.Process(pid))


def test_an_untagged_descendant_in_a_session_of_its_own_is_found(start: Start, tag: str) -> None:
    shell, descendant = start(DESCENDANT)
    wait_for(tag, shell.pid, descendant)


def test_an_untagged_orphan_is_found_by_the_session_it_shares(start: Start, tag: str) -> None:
    shell, orphan = start(ORPHAN)
    wait_for(tag, shell.pid, orphan)


def test_what_belongs_to_another_cluster_is_not_found(start: Start, tag: str) -> None:
    start(DESCENDANT)
    assert owned(tag[:-1]) == []
    assert owned(uuid.uuid4().hex) == []


@pytest.mark.parametrize("script", [DESCENDANT, ORPHAN])
def test_end_ends_all_and_counts_them(start: Start, tag: str, script: str) -> None:
    shell, other = start(script)
    wait_for(tag, shell.pid, other)
    assert end(tag) == 2
    assert not runs(shell.pid)
    assert not runs(other)


def test_end_kills_what_ignores_the_gentle_signal(start: Start, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    shell, _ = start(STUBBORN)
    assert end(tag) == 1
    assert shell.wait(5) == -9


def test_end_still_knows_what_nothing_ties_to_the_cluster_once_its_parent_is_gone(
    start: Start, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_S", 0.2)
    shell, descendant = start(STUBBORN_DESCENDANT)
    wait_for(tag, shell.pid, descendant)
    assert end(tag) == 2
    assert not runs(descendant)
