"""Jobs run in this process, which spares each the seconds that a new one needs to import what it uses."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Ended:
    """How a program ended, under the names that `subprocess` has for it."""

    returncode: int
    stdout: str
    stderr: str


RunJob = Callable[..., Ended]


@pytest.fixture
def run_job(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunJob:
    """Run the file of this name in jobs/ with these arguments; no Ray is started in here, nor one found."""
    monkeypatch.setenv("INKRAY_HOME", str(tmp_path / "ink"))
    monkeypatch.delenv("INKRAY_STORE", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    monkeypatch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")

    def run(name: str, *arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(repo / "jobs" / name), run_name="__main__")
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return run
