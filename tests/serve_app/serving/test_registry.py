"""A new version replaces the old one under load, and a broken one does not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import EngineError, UsageError
from pipelines.models.store import ModelStore
from serve_app.http.asgi import build
from serve_app.serving import registry
from serve_app.serving.dataplane import DataPlane
from serve_app.settings import Settings
from tests.fake_engine import FakeEngine
from tests.serve_app.http.test_gateway import post
from tests.serve_app.servers import DIGITS, PNG, FakeReader, bar, open_server, png
from tests.stores import network

NINE = png(bar(9))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Three versions of `ink`, whose alias `production` stands for the first."""
    store = ModelStore(tmp_path / "store")
    for number in range(3):
        store.publish("ink", network(tmp_path / f"files{number}"), {"classes": []})
    store.set_alias("ink", "production", 1)
    return store


class Opener:
    """Readers of the store's versions; the third is broken."""

    def __init__(self, store: ModelStore) -> None:
        self.store, self.readers = store, []
        self.broken: dict[int, Exception] = {3: EngineError("ink:3 cannot be loaded.")}

    def __call__(self, reference: str) -> FakeReader:
        version = self.store.resolve(reference)
        if error := self.broken.get(version.number):
            raise error
        self.readers.append(FakeReader(version.reference))
        return self.readers[-1]

    def released(self) -> list[int]:
        return [reader.engine.released for reader in self.readers if isinstance(reader.engine, FakeEngine)]


def served(store: ModelStore) -> dict[str, object]:
    return {"models": ("ink:production",), "store": str(store)}


def reads_with(server) -> str:
    return server.post("/v1/digits", content=NINE, headers=PNG).json()["model"]


def test_reload_switches_to_what_the_alias_means_now_and_closes_the_old(store: ModelStore) -> None:
    opener = Opener(store)
    with open_server(opener, **served(store)) as server:
        assert reads_with(server) == "ink:1"
        assert server.post("/v1/models/ink/reload").json()["switched"] is False
        store.set_alias("ink", "production", 2)
        assert server.post("/v1/models/ink/reload").json() == {
            "switched": True,
            "model": server.get("/v1/models").json()["models"][0],
        }
        assert reads_with(server) == "ink:2"
    assert opener.released() == [1, 1]


def test_a_broken_version_is_refused_and_the_old_one_reads_on(store: ModelStore) -> None:
    opener = Opener(store)
    with open_server(opener, **served(store)) as server:
        store.set_alias("ink", "production", 3)
        answer = server.post("/v1/models/ink/reload")
        assert (answer.status_code, answer.json()["error"]["message"]) == (503, "ink:3 cannot be loaded.")
        assert reads_with(server) == "ink:1"
        assert opener.released() == [0]


def test_the_watch_follows_the_alias_and_stays_where_the_new_is_broken(store: ModelStore) -> None:
    with open_server(Opener(store), watch_seconds=0.02, **served(store)) as server:
        store.set_alias("ink", "production", 3)
        store.set_alias("ink", "production", 2)
        deadline = time.monotonic() + 10
        while reads_with(server) != "ink:2":
            assert time.monotonic() < deadline
        store.set_alias("ink", "production", 3)
        assert reads_with(server) == "ink:2"


def test_the_watch_survives_whatever_a_version_does_and_tries_it_again(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "RETRY_S", 0.05)
    opener = Opener(store)
    opener.broken[3] = MemoryError("out of memory")
    with open_server(opener, watch_seconds=0.02, **served(store)) as server:
        store.set_alias("ink", "production", 3)
        message = server.post("/v1/models/ink/reload").json()["error"]["message"]
        assert message == "ink:3 cannot be loaded: MemoryError: out of memory"
        opener.broken.clear()
        deadline = time.monotonic() + 10
        while reads_with(server) != "ink:3":
            assert time.monotonic() < deadline


def test_a_page_is_read_to_its_end_though_a_version_of_other_classes_takes_over() -> None:
    classes = [*reversed(DIGITS), "none"]
    other = FakeReader("fake:2")
    other.classes, other._names = classes, np.array(classes)
    other._engine = FakeEngine(lambda images, _: np.tile(np.linspace(0, 1, 11), (len(images), 1)), 11)

    async def around() -> tuple[list[str], list[list[float]]]:
        plane = DataPlane(Settings(models=("fake",), watch_seconds=0), opener=lambda name: FakeReader(name))
        await plane.start()
        reader = plane.batched_reader(None)
        plane.registry._open = lambda _: other
        plane.registry._resolve = lambda _: "fake:2"
        assert await plane.registry.reload("fake")
        read = await asyncio.to_thread(reader.read_prepared, np.zeros((1, 28, 28), np.uint8))
        await plane.stop()
        return reader.classes, read.probabilities.tolist()

    classes, [row] = asyncio.run(around())
    assert classes == DIGITS
    assert row == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], abs=1e-6)


def test_no_request_fails_while_versions_are_switched(store: ModelStore) -> None:
    async def around() -> list[int]:
        plane = DataPlane(Settings(**served(store), watch_seconds=0), opener=Opener(store))
        app = build(plane)
        await plane.start()
        statuses: list[int] = []
        over = False

        async def ask() -> None:
            while not over:
                statuses.append(await post(app))

        asking = [asyncio.create_task(ask()) for _ in range(32)]
        for number in (2, 1) * 5:
            store.set_alias("ink", "production", number)
            assert await plane.registry.reload("ink")
            await asyncio.sleep(0.01)
        over = True
        await asyncio.gather(*asking)
        await plane.stop()
        return statuses

    statuses = asyncio.run(around())
    assert len(statuses) > 100
    assert set(statuses) == {200}


def test_a_name_stands_for_one_model(store: ModelStore) -> None:
    with pytest.raises(UsageError, match="names ink twice"):
        asyncio.run(DataPlane(Settings(models=("ink:1", "ink:2")), opener=Opener(store)).start())


def test_a_model_that_is_not_there_cannot_be_reloaded() -> None:
    with open_server() as server:
        assert server.post("/v1/models/nobody/reload").status_code == 404
