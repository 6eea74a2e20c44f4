"""Running a job as a user starts it, in a bench."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from cluster.processes import TAG
from jobs.benches.memory import LOOK_S, ReadersMemory
from pipelines.errors import InkrayError

JOBS = Path(__file__).parent.parent


def run_job(
    name: str,
    *words: str | Path,
    fine: tuple[int, ...] = (0,),
    env: Mapping[str, str] | None = None,
    memory: ReadersMemory | None = None,
) -> float:
    """Run a file of jobs/ to its end and give the seconds that took."""
    return run_python(JOBS / name, *words, fine=fine, env=env, memory=memory)


def run_python(
    *words: str | Path,
    fine: tuple[int, ...] = (0,),
    env: Mapping[str, str] | None = None,
    memory: ReadersMemory | None = None,
) -> float:
    tag, started = secrets.token_hex(8), time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        command, tagged = [sys.executable, *map(str, words)], {**(env or os.environ), TAG: tag}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=tagged) as running:
            while memory and running.poll() is None:
                memory.look(tag)
                with suppress(subprocess.TimeoutExpired):
                    running.wait(LOOK_S)
        seconds = time.perf_counter() - started
        if running.returncode not in fine:
            said.seek(0)
            raise InkrayError(f"{' '.join(map(str, words[:2]))} failed in the bench: {said.read().strip()[-500:]}")
    return seconds
