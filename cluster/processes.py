"""Finds the processes of one cluster by the tag in their environment, and ends them together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

TAG = "INKRAY_CLUSTER"
# Ray itself gives a job three seconds between SIGTERM and SIGKILL; the GCS server would take fifteen to end.
GRACE_S = 3.0
KILL_S = 10.0
POLL_S = 0.05
ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def owned(cluster_id: str) -> list[psutil.Process]:
    """All processes of this cluster.

    The tag alone is not enough, since a process that sets its own title may overwrite its environment. So processes
    that share a session with a tagged one count too, and so do all their descendants.
    """
    running, sessions, tagged = list[psutil.Process](), dict[int, int](), set[int]()
    for process in psutil.process_iter(["ppid", "environ", "status"]):
        if process.pid == os.getpid() or process.info["status"] in ENDED:
            continue
        with suppress(ProcessLookupError):
            sessions[process.pid] = os.getsid(process.pid)
            running.append(process)
            if (process.info["environ"] or {}).get(TAG) == cluster_id:
                tagged.add(sessions[process.pid])
    mine = {pid for pid, session in sessions.items() if session in tagged}
    while more := {process.pid for process in running if process.info["ppid"] in mine} - mine:
        mine |= more
    return [process for process in running if process.pid in mine]


def is_running(process: psutil.Process) -> bool:
    """Whether it has not ended; a zombie has."""
    try:
        return process.is_running() and process.status() not in ENDED
    except psutil.NoSuchProcess:
        return False


def end(cluster_id: str) -> int:
    """End every process of the cluster, by SIGTERM, then SIGKILL; return their number. `owned` lists survivors."""
    ended = _signal_until_gone(cluster_id, signal.SIGTERM, GRACE_S)
    return len(ended | _signal_until_gone(cluster_id, signal.SIGKILL, KILL_S, ended))


def _signal_until_gone(
    cluster_id: str, number: signal.Signals, patience: float, known: Iterable[psutil.Process] = ()
) -> set[psutil.Process]:
    """Signal each process once, including new ones, and those `known` whose tag can no longer be found."""
    known, signalled = set(known), set[psutil.Process]()
    deadline = time.monotonic() + patience
    while left := {*owned(cluster_id), *filter(is_running, known)}:
        for process in left - signalled:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        signalled |= left
        known |= left
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    return signalled
