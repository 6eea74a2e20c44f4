"""Jobs run in this process, for what they refuse before any Ray starts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import label, train
from jobs._cli import run

Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What training with these options ends with: the exit code and the words."""
    return _refuser("train.py", lambda: run(train.Train, train.main), tmp_path, monkeypatch, capsys)


@pytest.fixture
def not_labelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What labelling with these options ends with: the exit code and the words."""
    return _refuser("label.py", lambda: run(label.Label, label.main), tmp_path, monkeypatch, capsys)


def _refuser(
    name: str,
    job: Callable[[], None],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Refused:
    monkeypatch.setenv("INKRAY_HOME", str(home / "ink"))
    monkeypatch.delenv("INKRAY_STORE", raising=False)
    # Should it not be refused, it must not start a Ray in here either.
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")

    def refuse(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            job()
        return ended.value.code, capsys.readouterr().err

    return refuse
