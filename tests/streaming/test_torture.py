"""A short torture of the whole job; longer ones are for the command `python -m tests.streaming.torture`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.streaming.torture import Torture


def test_nothing_is_lost_doubled_or_wrong_whoever_is_killed() -> None:
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        torture = Torture(Path(folder), items=300, kills=2, seed=1)
        verdict = torture.run()
        assert verdict.clean, (Path(folder) / "log").read_text()
    assert sorted(kind for kind, _ in torture.recoveries) == ["actor", "driver"]
    assert torture.starts == 2
