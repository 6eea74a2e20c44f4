"""Ends or stops, by a seed, what a stream consists of; the driver is started again, as a service manager would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from psutil import NoSuchProcess

from cluster.processes import TAG, end, owned
from tests.processes import title

ACTS = ("driver", "actor", "raylet", "stop")
FULL = "full"
"""Where the output lies on a file system that may be filled."""
OWN_MOUNTS = "TORTURE_OWN_MOUNTS"
BLOCK = 4096
STOPPED_S = 3.0
"""Seconds that a driver stands still, or that there is no room."""
TITLES = {"actor": "ray::StreamReader", "raylet": "raylet"}


class Driver:
    """The job with a Ray of its own."""

    def __init__(self, command: Sequence[str], env: dict[str, str], tag: str, log: Path) -> None:
        self._command, self._env, self.tag, self._log = command, env | {TAG: tag}, tag, log
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", *self._command],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def keep(self) -> None:
        """Start it again if it has ended, for whatever reason."""
        if self.process.poll() is not None:
            self._start()

    def close(self) -> int:
        """Its exit code after SIGTERM; nothing of it is left."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            end(self.tag)


def act(kind: str, driver: Driver, output: Path, chance: random.Random) -> bool:
    """Whether there was anything to do it to."""
    if kind == "driver":
        driver.process.kill()
        return True
    if kind == "stop":
        return _stop(driver.process.pid)
    if kind == FULL:
        _fill(output)
        return True
    name = TITLES[kind]
    # The title of an actor is all of its command line, the raylet is known by its program.
    found = [one for one in owned(driver.tag) if Path(title(one.pid).partition(" ")[0]).name.startswith(name)]
    if not found:
        return False
    with suppress(NoSuchProcess):
        chance.choice(found).kill()
    return True


def _stop(pid: int) -> bool:
    """As on a machine that hangs for a while."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    threading.Timer(STOPPED_S, _go_on, [pid]).start()
    return True


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _fill(folder: Path) -> None:
    """Leave no room there for a while."""
    ballast = folder / "ballast"
    threading.Timer(STOPPED_S, ballast.unlink).start()
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(BLOCK)):
            pass


def within_own_mounts() -> None:
    """Start this program again where what it mounts is seen by nobody else, and is gone with it."""
    if OWN_MOUNTS not in os.environ:
        command = ["unshare", "--mount", sys.executable, "-m", "tests.streaming.torture", *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, OWN_MOUNTS: "1"})


def mount_small(folder: Path, mib: int) -> None:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "none", str(folder)], check=True)
