"""Finds the processes of one cluster in /proc, by the tag in their environment, and ends them together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TAG = "INKRAY_CLUSTER"
# Ray itself gives a job three seconds between SIGTERM and SIGKILL; the GCS server would take fifteen to end.
GRACE_S = 3.0
KILL_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True)
class Process:
    """A process, identified by pid and start time, since pids are reused."""

    pid: int
    started: str
    parent: int
    session: int
    tagged: bool

    @property
    def key(self) -> tuple[int, str]:
        return self.pid, self.started


def owned(cluster_id: str) -> list[Process]:
    """All processes of this cluster.

    The tag alone is not enough, since a process that sets its own title may overwrite its environment. So processes
    that share a session with a tagged one count too, and so do all their descendants.
    """
    table = _table(f"{TAG}={cluster_id}".encode())
    sessions = {process.session for process in table if process.tagged}
    mine = {process.pid for process in table if process.session in sessions}
    while more := {process.pid for process in table if process.parent in mine} - mine:
        mine |= more
    return [process for process in table if process.pid in mine]


def end(cluster_id: str) -> int:
    """End every process of the cluster, by SIGTERM, then SIGKILL; return their number. `owned` lists survivors."""
    ended = _signal_until_gone(cluster_id, signal.SIGTERM, GRACE_S)
    return len(ended | _signal_until_gone(cluster_id, signal.SIGKILL, KILL_S, ended))


def _signal_until_gone(
    cluster_id: str, number: signal.Signals, patience: float, known: Iterable[tuple[int, str]] = ()
) -> set[tuple[int, str]]:
    """Signal each process once, including new ones, and those `known` whose tag can no longer be found."""
    known, signalled = set(known), set[tuple[int, str]]()
    deadline = time.monotonic() + patience
    while left := _alive(cluster_id, known):
        for process in left - signalled:
            with suppress(ProcessLookupError):
                os.kill(process[0], number)
        signalled |= left
        known |= left
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    return signalled


def _alive(cluster_id: str, known: set[tuple[int, str]]) -> set[tuple[int, str]]:
    still = {process.key for process in _table(b"")} & known if known else set()
    return still | {process.key for process in owned(cluster_id)}


def _table(tag: bytes) -> list[Process]:
    entries = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and entry.name != str(os.getpid()))
    return [process for entry in entries if (process := _read(entry, tag))]


def _read(entry: Path, tag: bytes) -> Process | None:
    """Read one process; None if it has ended, even if it is still a zombie."""
    try:
        # The name is in parentheses, and may itself contain spaces and parentheses.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, parent, session, started = fields[0], fields[1], fields[3], fields[19]
    if state in "ZX":
        return None
    return Process(int(entry.name), started, int(parent), int(session), tag in _environment(entry))


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
