"""What Prometheus is told of a stream, over HTTP as it asks."""

from __future__ import annotations

import dataclasses
import io
import socket

import httpx
import pytest

from pipelines.errors import UsageError
from pipelines.streaming.lines import StatusObjects
from pipelines.streaming.metrics import ALERTS, COUNTERS, GAUGES, PREFIX, Address, MeteredListener
from pipelines.streaming.status import StreamStatus
from tests.docs.papers import codes, tables

STATUS = StreamStatus(12, 34, 1, 5.5, 0.25, 1.5, 3, 4, 2.5, 2)


def test_the_last_status_and_the_alerts_are_told() -> None:
    said = io.StringIO()
    metered = MeteredListener(StatusObjects(said), Address("127.0.0.1", 0))
    metered.status(STATUS)
    metered.alert("the sink is slow")
    answer = httpx.get(f"http://127.0.0.1:{metered.port}/metrics").text
    metered.close()
    told = dict(line.rsplit(" ", 1) for line in answer.splitlines() if not line.startswith("#"))
    assert {name: float(value) for name, value in told.items()} == {
        PREFIX + (f"{name}_total" if name in (*COUNTERS, ALERTS) else name): float(value)
        for name, value in {**dataclasses.asdict(STATUS), ALERTS: 1}.items()
    }
    assert ['"status"' in line for line in said.getvalue().splitlines()] == [True, False]


def test_the_paper_lists_them_all() -> None:
    [paper] = [one for one in tables("pipelines/streaming/README.md") if one.head[0] == "stream metric"]
    known = [*(f"{PREFIX}{name}_total" for name in (*COUNTERS, ALERTS)), *(PREFIX + name for name in GAUGES)]
    assert sorted(codes(row[0])[0] for row in paper.rows) == sorted(known)
    assert set(StreamStatus.__dataclass_fields__) == set(COUNTERS) | set(GAUGES)


@pytest.mark.parametrize("text", ["9464", "localhost:", "localhost:http", "localhost:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no address; write"):
        Address.parse(text)


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UsageError, match="No metrics can be shown"):
        MeteredListener(StatusObjects(io.StringIO()), Address.parse(f"127.0.0.1:{taken.getsockname()[1]}"))
