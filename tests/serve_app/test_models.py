"""A new version takes the old one's place while it reads, and a broken one does not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from pipelines.engines.fake import FakeEngine
from pipelines.errors import EngineError, UsageError
from pipelines.model_store import ModelStore
from serve_app.asgi import build
from serve_app.dataplane import DataPlane
from serve_app.settings import Settings
from tests.serve_app.doors import PNG, FakeReader, bar, open_door, png
from tests.serve_app.test_door import post
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
    """Readers of the store's versions; the third is broken. Each takes its time to read."""

    def __init__(self, store: ModelStore) -> None:
        self.store, self.readers = store, []

    def __call__(self, reference: str) -> FakeReader:
        version = self.store.resolve(reference)
        if version.number == 3:
            raise EngineError("ink:3 cannot be loaded.")
        self.readers.append(FakeReader(version.reference))
        return self.readers[-1]

    def released(self) -> list[int]:
        return [reader.engine.released for reader in self.readers if isinstance(reader.engine, FakeEngine)]


def served(store: ModelStore) -> dict[str, object]:
    return {"models": ("ink:production",), "store": str(store)}


def reads_with(door) -> str:
    return door.post("/v1/digits", content=NINE, headers=PNG).json()["model"]


def test_reload_switches_to_what_the_alias_means_now_and_closes_the_old(store: ModelStore) -> None:
    opener = Opener(store)
    with open_door(opener, **served(store)) as door:
        assert reads_with(door) == "ink:1"
        assert door.post("/v1/models/ink/reload").json()["switched"] is False
        store.set_alias("ink", "production", 2)
        assert door.post("/v1/models/ink/reload").json() == {
            "switched": True,
            "model": door.get("/v1/models").json()["models"][0],
        }
        assert reads_with(door) == "ink:2"
    assert opener.released() == [1, 1]


def test_a_broken_version_is_refused_and_the_old_one_reads_on(store: ModelStore) -> None:
    opener = Opener(store)
    with open_door(opener, **served(store)) as door:
        store.set_alias("ink", "production", 3)
        answer = door.post("/v1/models/ink/reload")
        assert (answer.status_code, answer.json()["error"]["message"]) == (503, "ink:3 cannot be loaded.")
        assert reads_with(door) == "ink:1"
        assert opener.released() == [0]


def test_the_watch_follows_the_alias_and_stays_where_the_new_is_broken(store: ModelStore) -> None:
    with open_door(Opener(store), watch_seconds=0.02, **served(store)) as door:
        store.set_alias("ink", "production", 3)
        store.set_alias("ink", "production", 2)
        deadline = time.monotonic() + 10
        while reads_with(door) != "ink:2":
            assert time.monotonic() < deadline
        store.set_alias("ink", "production", 3)
        assert reads_with(door) == "ink:2"


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
            assert await plane.shelf.reload("ink")
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
    with open_door() as door:
        assert door.post("/v1/models/nobody/reload").status_code == 404
