"""The training job run in this process, for what it refuses before any Ray starts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import train
from jobs._cli import run

Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What training with these options ends with: the exit code and the words."""
    monkeypatch.setenv("INKRAY_HOME", str(tmp_path / "ink"))
    monkeypatch.delenv("INKRAY_STORE", raising=False)
    # Should it not be refused, it must not start a Ray in here either.
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")

    def refuse(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            run(train.Train, train.main)
        return ended.value.code, capsys.readouterr().err

    return refuse
