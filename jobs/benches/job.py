"""Running a job as a user starts it, in a bench."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import InkrayError

JOBS = Path(__file__).parent.parent


def run_job(name: str, *words: str | Path, fine: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None) -> float:
    """Run a file of jobs/ to its end and give the seconds that took."""
    return run_python(JOBS / name, *words, fine=fine, env=env)


def run_python(*words: str | Path, fine: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None) -> float:
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, env=env)
    if done.returncode not in fine:
        raise InkrayError(f"{' '.join(map(str, words[:2]))} failed in the bench: {done.stderr.strip()[-500:]}")
    return time.perf_counter() - started
