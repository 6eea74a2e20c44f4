"""Many processes publish at once, and some are killed: every version is whole, and every number is given once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import StoreError, UnknownName
from pipelines.models import location
from pipelines.models.store import ModelStore
from tests.stores import network, refusal, tree, write

PROLOGUE = "import sys, time; from pathlib import Path; from pipelines.models.store import ModelStore\n"
PUBLISHERS = 6
TURNS = 5


def start(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROLOGUE + code, *map(str, arguments)])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.001)


def test_concurrent_publishers_get_numbers_of_their_own(tmp_path: Path) -> None:
    code = f"""
store, who, base = ModelStore(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
(base / "ready" / who).touch()
while not (base / "go").exists():
    time.sleep(0.0005)
for turn in range({TURNS}):
    store.publish("ink", base / "sources" / who, {{"who": who, "turn": turn}})
"""
    place, ready = tmp_path / "store", tmp_path / "ready"
    ready.mkdir()
    everybody = [str(who) for who in range(PUBLISHERS)]
    for who in everybody:
        write(tmp_path / "sources" / who, {"model.onnx": f"the network of {who}"})
    processes = [start(code, place, who, tmp_path) for who in everybody]
    until(lambda: len(tree(ready)) == PUBLISHERS)
    (tmp_path / "go").touch()
    assert [process.wait(120) for process in processes] == [0] * PUBLISHERS
    check_versions(place, {(who, turn) for who in everybody for turn in range(TURNS)})


def check_versions(place: Path, published: set[tuple[str, int]]) -> None:
    store = ModelStore(place)
    versions = store.versions("ink")
    assert len(versions) == len(published)
    assert {(version.manifest["who"], version.manifest["turn"]) for version in versions} == published
    for version in versions:
        assert store.verify(version) == []
        assert (place / version.folder / "model.onnx").read_text() == f"the network of {version.manifest['who']}"
    assert not [path for path in tree(place) if "/." in path]


def big(folder: Path, name: str) -> Path:
    """A file that takes seconds to copy, and no room until it is."""
    folder.mkdir()
    with (folder / name).open("wb") as file:
        file.truncate(4 << 30)
    return folder


def kill_when_it_has_begun(process: subprocess.Popen[bytes], target: Path) -> None:
    until(lambda: process.poll() is not None or (target.exists() and target.stat().st_size > 0))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it had ended before it could be killed"


def test_a_killed_publisher_leaves_no_version(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    process = start(
        "ModelStore(sys.argv[1]).publish('ink', Path(sys.argv[2]), {})", store, big(tmp_path / "big", "model.onnx")
    )
    kill_when_it_has_begun(process, tmp_path / "store/ink/1/model.onnx")
    assert store.names() == []
    refusal(UnknownName, lambda: store.versions("ink"))
    assert store.publish("ink", network(tmp_path / "files"), {}).number == 2
    assert [version.number for version in store.versions("ink")] == [2]


def test_a_killed_adder_leaves_the_version_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path / "store")
    version = store.publish("ink", network(tmp_path / "files"), {})
    code = "store = ModelStore(sys.argv[1]); store.add_files(store.resolve('ink'), Path(sys.argv[2]), {'parity': 1})"
    process = start(code, store, big(tmp_path / "big", "big.plan"))
    kill_when_it_has_begun(process, tmp_path / "store/ink/1/big.plan")
    assert store.resolve("ink") == version
    assert store.verify(version) == ["big.plan"]

    monkeypatch.setattr(location, "PATIENCE_S", 0)
    smaller = write(tmp_path / "smaller", {"big.plan": "small"})
    (claim,) = (tmp_path / "store/ink/1").glob(".claim-*")
    assert refusal(StoreError, lambda: store.add_files(version, smaller, {})) == (
        f"Another process is writing to {store}/ink/1, or was killed while it did: try again later, "
        f"or, if none is, delete {claim.name} there."
    )
    claim.unlink()
    assert store.verify(store.add_files(version, smaller, {})) == []
