"""Short tortures of the whole job; longer ones are for the command `python -m tests.streaming.torture`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.streaming.torture import Torture

REDIS = pytest.param(
    "redis",
    "redis",
    ["cut", "redis"],
    marks=pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis (apt-get install redis-server)"),
)


@pytest.mark.parametrize(
    ("source", "sink", "faults"),
    [("folder", "delta", ["actor", "driver"]), REDIS, ("kafka", "kafka", ["cut", "driver"])],
)
def test_nothing_is_lost_doubled_or_wrong_whoever_is_killed(source: str, sink: str, faults: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        torture = Torture(Path(folder), 300, len(faults), 1, source, sink, kinds=faults)
        verdict = torture.run()
        assert verdict.clean, (Path(folder) / "log").read_text()
    assert sorted(kind for kind, _ in torture.recoveries) == faults
    assert torture.starts == 1 + ("driver" in faults)
