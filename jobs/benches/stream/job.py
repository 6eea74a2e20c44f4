"""A stream as a person starts it, on a Ray of its own, while it is fed and watched."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path

import psutil

from cluster.processes import TAG, end
from jobs.benches.job import JOBS
from jobs.benches.memory import readers_mib
from pipelines.errors import InkrayError

PATIENCE_S = 300.0
LOOK_S = 0.02


class RunningStream:
    def __init__(self, process: subprocess.Popen[bytes], tag: str) -> None:
        self._process, self._tag = process, tag

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise InkrayError("The stream of the bench ended, or stood still; see what it said above.")
            time.sleep(LOOK_S)

    def memory(self) -> tuple[int, int]:
        """The MiB of the driver, and of its readers together."""
        return int(psutil.Process(self._process.pid).memory_info().rss >> 20), readers_mib(self._tag)


@contextmanager
def running(source: Path, output: Path, *words: str) -> Iterator[RunningStream]:
    """Merged files would hide what each commit had, so none are merged."""
    tag = secrets.token_hex(8)
    command = [JOBS / "stream.py", "digits", source, output, "--merge-files", "0", *words]
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        env={**environ, TAG: tag},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield RunningStream(process, tag)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.wait()
        end(tag)
