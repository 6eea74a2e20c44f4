"""What is counted is what happened, under the names that the documentation gives."""

from __future__ import annotations

from collections import Counter

from starlette.testclient import TestClient

from serve_app.http.asgi import build
from serve_app.serving import meters
from serve_app.serving.dataplane import DataPlane
from serve_app.serving.meters import BUCKETS, TAGS, Meters
from serve_app.settings import Settings
from tests.pipelines.strings.written import on_paper, row
from tests.serve_app.servers import PNG, bar, open_fake, png


class MemorySink:
    def __init__(self) -> None:
        self.sums: Counter[tuple[str, ...]] = Counter()
        self.observed: list[tuple[str, float]] = []

    def add(self, name: str, tags: dict[str, str], amount: float) -> None:
        assert tuple(tags) == TAGS[name]
        self.sums[name, *tags.values()] += amount

    def observe(self, name: str, tags: dict[str, str], value: float) -> None:
        assert name in BUCKETS and tags == {"model": "fake"}
        self.observed.append((name, value))


def test_requests_rows_and_errors_are_counted() -> None:
    sink = MemorySink()
    counting = Meters(sink)
    plane = DataPlane(Settings(models=("fake",), watch_seconds=0), counting, open_fake)
    with TestClient(build(plane)) as server:
        for content in (png(bar(9)), png(bar(8)), b"no"):
            server.post("/v1/digits", content=content, headers=PNG)
        server.get("/v1/models")
        server.get("/nowhere")
        counting.flush(sink)
    assert sink.sums["inkray_requests", "/v1/digits", "200"] == 2
    assert sink.sums["inkray_requests", "/v1/digits", "422"] == 1
    assert sink.sums["inkray_requests", "/v1/models", "200"] == 1
    assert sink.sums["inkray_requests", "other", "404"] == 1
    assert sink.sums["inkray_errors", "data"] == 1
    assert sink.sums["inkray_rows", "fake"] == 2
    assert abs(sink.sums["inkray_confidence", "fake"] - 1.8) < 1e-5
    assert {name for name, _ in sink.observed} == set(BUCKETS)


def test_every_name_is_documented() -> None:
    assert all(f"`{name}`" in (meters.__doc__ or "") for name in (*TAGS, *BUCKETS))


def test_numbers_read_in_photos_are_counted_by_their_model() -> None:
    sink = MemorySink()
    counting = Meters(sink)
    plane = DataPlane(Settings(models=("fake",), watch_seconds=0), counting, open_fake)
    with TestClient(build(plane)) as server:
        answer = server.post("/v1/strings", content=png(on_paper(row("2365"), margin=60)), headers=PNG).json()
        counting.flush(sink)
    (found,) = answer["items"][0]["strings"]
    assert sink.sums["inkray_numbers", answer["model"]] == 1
    assert abs(sink.sums["inkray_number_confidence", answer["model"]] - found["confidence"]) < 1e-4
