"""A store elsewhere does all that a local one does, and what is downloaded is what was published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from pyarrow.fs import FileSystem, FSSpecHandler, LocalFileSystem, PyFileSystem, SubTreeFileSystem

from pipelines.errors import StoreError
from pipelines.models.store import ModelStore
from tests.stores import network, refusal, tree, write


@pytest.fixture(params=["subtree", "memory"])
def filesystem(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileSystem]:
    """One whose files no local path names."""
    monkeypatch.setenv("INKRAY_CACHE", str(tmp_path / "cache"))
    if request.param == "subtree":
        (tmp_path / "bucket").mkdir()
        yield SubTreeFileSystem(str(tmp_path / "bucket"), LocalFileSystem())
    else:
        memory = fsspec.filesystem("memory")
        yield PyFileSystem(FSSpecHandler(memory))
        memory.store.clear()


@pytest.fixture
def store(filesystem: FileSystem) -> ModelStore:
    return ModelStore("models/here", filesystem)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return network(tmp_path / "files")


def flip_a_byte(filesystem: FileSystem, path: str) -> None:
    with filesystem.open_input_stream(path) as stream:
        content = bytearray(stream.read())
    content[3] ^= 1
    with filesystem.open_output_stream(path) as stream:
        stream.write(bytes(content))


def test_versions_are_published_found_and_fetched(store: ModelStore, files: Path, tmp_path: Path) -> None:
    store.check_writable()
    assert store.names() == []
    version = store.publish("ink", files, {"classes": ["0"]})
    store.publish("ink", files, {})
    assert store.names() == ["ink"]
    assert [each.number for each in store.versions("ink")] == [1, 2]
    assert store.verify(version) == []
    folder = store.fetch(version)
    assert folder.is_relative_to(tmp_path / "cache")
    assert tree(folder) == {"manifest.json", "model.onnx", "plans/a.plan"}
    assert (folder / "plans/a.plan").read_text() == "a plan"
    assert json.loads((folder / "manifest.json").read_text()) == version.manifest


def test_an_alias_is_set_and_moved(store: ModelStore, files: Path) -> None:
    version = store.publish("ink", files, {})
    store.publish("ink", files, {})
    store.set_alias("ink", "production", 2)
    store.set_alias("ink", "production", 1)
    assert store.resolve("ink:production") == version


def test_a_version_with_more_files_is_another_copy(store: ModelStore, files: Path, tmp_path: Path) -> None:
    version = store.publish("ink", files, {})
    folder = store.fetch(version)
    wider = store.add_files(version, write(tmp_path / "more", {"model.fp16.onnx": "half"}), {"parity": 1})
    assert tree(store.fetch(wider)) == tree(folder) | {"model.fp16.onnx"}
    assert store.fetch(version) == folder


def test_a_flipped_byte_is_found_before_a_download_is_used(
    store: ModelStore, filesystem: FileSystem, files: Path, tmp_path: Path
) -> None:
    version = store.publish("ink", files, {})
    flip_a_byte(filesystem, "models/here/ink/1/plans/a.plan")
    assert store.verify(version) == ["plans/a.plan"]
    assert refusal(StoreError, lambda: store.fetch(version)) == (
        f"ink:1 in the store {filesystem.type_name}:models/here is not what its manifest says: plans/a.plan changed. "
        "Restore those bytes, or publish the model again."
    )
    assert tree(tmp_path / "cache") == set()


def test_a_flipped_byte_is_found_in_the_copy(store: ModelStore, files: Path) -> None:
    version = store.publish("ink", files, {})
    copy = store.fetch(version)
    (copy / "model.onnx").write_text("the netwosk")
    assert refusal(StoreError, lambda: store.fetch(version)) == (
        f"The copy of ink:1 in {copy} is damaged (model.onnx): delete that folder."
    )


@pytest.mark.parametrize("filesystem", ["subtree"], indirect=True)
def test_many_fetch_the_same_version_at_once(store: ModelStore, files: Path, tmp_path: Path) -> None:
    version = store.publish("ink", files, {})
    with ThreadPoolExecutor(8) as pool:
        copies = list(pool.map(lambda _: store.fetch(version), range(8)))
    assert len(set(copies)) == 1
    assert len(tree(tmp_path / "cache")) == 3


def test_a_cache_that_cannot_be_written_is_said(
    store: ModelStore, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.publish("ink", files, {})
    monkeypatch.setenv("INKRAY_CACHE", str(files / "model.onnx" / "cache"))
    assert refusal(StoreError, lambda: store.fetch(version)) == (
        f"The model cache {files}/model.onnx/cache/models/ink cannot be written: Not a directory. "
        "Name another with INKRAY_CACHE."
    )


@pytest.mark.parametrize("filesystem", ["memory"], indirect=True)
def test_a_file_that_lies_outside_is_no_file_of_a_version(
    store: ModelStore, filesystem: FileSystem, files: Path
) -> None:
    """An object store may hold keys with `..` in them, which a download must not follow."""
    memory = fsspec.filesystem("memory")
    manifest = dict(store.publish("ink", files, {}).manifest)
    manifest["files"] = {"../../evil": {"sha256": "0", "size": 1}}
    memory.pipe_file("/models/here/ink/1/../../evil", b"1")
    memory.pipe_file("/models/here/ink/1/manifest.json", json.dumps(manifest).encode())
    assert "/models/here/ink/1/../../evil" in memory.find("models/here/ink/1")
    assert store.names() == []
