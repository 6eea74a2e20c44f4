"""Ends or stops, by a seed, what a stream consists of; the driver is started again, as a service manager would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from psutil import Error, NoSuchProcess

from cluster.processes import TAG, end, owned
from tests.processes import title

ACTS = ("driver", "actor", "raylet", "stop")
STOPPED_S = 3.0
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


def act(kind: str, driver: Driver, chance: random.Random) -> bool:
    """Whether there was anything to do it to."""
    if kind == "driver":
        driver.process.kill()
        return True
    if kind == "stop":
        return _stop(driver.process.pid)
    name = TITLES[kind]
    # The title of an actor is all of its command line, the raylet is known by its program.
    found = [one for one in owned(driver.tag) if Path(title(one.pid).partition(" ")[0]).name.startswith(name)]
    if not found:
        return False
    with suppress(NoSuchProcess):
        chance.choice(found).kill()
    return True


def _stop(pid: int) -> bool:
    """As a machine that hangs for a while."""
    with suppress(Error, ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        os.kill(pid, signal.SIGCONT)
        return True
    return False
