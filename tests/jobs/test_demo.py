"""The first thing a newcomer runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def test_the_demo_trains_and_shows_what_it_reads(repo: Path, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "INKRAY_STORE")}
    command = [sys.executable, "jobs/demo.py", "--epochs", "2", "--show", "6"]
    done = subprocess.run(command, cwd=repo, env=env | {"INKRAY_HOME": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"demo:1 test accuracy \d+\.\d\d %", done.stdout)
    assert len(re.findall(r"\b\d, \d+\.\d %", done.stdout)) == 6
    assert (tmp_path / "demo.png").stat().st_size > 10_000
