"""Progress for programs: every line a JSON object."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest

from pipelines.labeling import progress_lines
from pipelines.labeling.pipeline import ShardDone
from pipelines.labeling.progress_lines import ProgressLines


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_event_is_a_line_that_says_what_and_when() -> None:
    stream = io.StringIO()
    lines = ProgressLines(stream)
    with lines.under_way(10, 4, "pages"):
        lines.line("a file\nwith an odd name")
        lines.shard_done(ShardDone(1, 3, 0, 1))
        lines.shard_done(ShardDone(2, 3, 1, 1))
    lines.ended("10 pages", {"items": 10})
    start, remark, progress, end = told(stream)
    assert [one["event"] for one in (start, remark, progress, end)] == ["start", "remark", "progress", "end"]
    assert (start["items"], start["done"], start["unit"]) == (10, 4, "pages")
    assert remark["text"] == "a file\nwith an odd name"
    assert (progress["done"], progress["items"], progress["errors"], progress["seconds_left"]) == (10, 10, 2, 0.0)
    assert progress["per_second"] > 0
    assert end["summary"] == {"items": 10}
    assert all(datetime.fromisoformat(one["time"]).tzinfo for one in (start, remark, progress, end))


def test_progress_is_told_no_more_often_than_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for every, events in ((3600.0, 1), (0.0, 4)):
        monkeypatch.setattr(progress_lines, "EVERY_S", every)
        stream = io.StringIO()
        lines = ProgressLines(stream)
        with lines.under_way(4, 0, "items"):
            for shard in range(4):
                lines.shard_done(ShardDone(shard, 1, 0, 0))
        assert sum(one["event"] == "progress" for one in told(stream)) == events
