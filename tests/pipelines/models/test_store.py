"""Versions are whole or do not exist, are found by name, number and alias, and never change under a reader."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import StoreError, UnknownName, UsageError
from pipelines.models.store import ModelStore, store_location
from pipelines.models.version import Version
from tests.stores import network, refusal, tree, write


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return network(tmp_path / "files")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(place: Path) -> ModelStore:
    return ModelStore(place)


# Publishing and finding


def test_a_version_is_found_by_its_name_number_and_alias(store: ModelStore, files: Path) -> None:
    first = store.publish("ink", files, {"classes": ["0", "1"]})
    second = store.publish("ink", files, {})
    store.set_alias("ink", "production", 1)
    assert (first.reference, second.reference) == ("ink:1", "ink:2")
    assert store.resolve("ink:1") == store.resolve("ink:production") == first
    assert store.resolve("ink") == store.resolve("ink:latest") == second
    assert store.versions("ink") == [first, second]
    assert store.names() == ["ink"]
    assert store.aliases("ink") == {"production": 1}


def test_the_manifest_describes_every_file(store: ModelStore, files: Path, place: Path) -> None:
    version = store.publish("ink", files, {"metrics": {"test": 0.995}})
    manifest = json.loads((place / "ink/1/manifest.json").read_text())
    assert manifest == version.manifest
    assert manifest.pop("created").endswith("+00:00")
    assert manifest == {
        "format": 1,
        "name": "ink",
        "version": 1,
        "metrics": {"test": 0.995},
        "files": {
            "model.onnx": {"sha256": "5449709e1c519649d4e02ce1023ab7806adeacb20b1ebdbd70fb9a8abeeea01e", "size": 11},
            "plans/a.plan": {"sha256": "a27fa2bacd5796b82680016a6b8865a616a9e4f6b6a198d3776ddc07536e3158", "size": 6},
        },
    }
    assert tree(place) == {"ink/1/manifest.json", "ink/1/model.onnx", "ink/1/plans/a.plan"}


def test_a_local_version_is_its_own_folder(store: ModelStore, files: Path, place: Path) -> None:
    assert store.fetch(store.publish("ink", files, {})) == place / "ink/1"


def test_numbers_are_counted_not_spelled(store: ModelStore, files: Path) -> None:
    for _ in range(10):
        store.publish("ink", files, {})
    assert store.resolve("ink").number == 10


def test_the_default_store_is_named_by_the_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKRAY_STORE", str(place))
    assert store_location(None) == str(place)
    monkeypatch.setenv("INKRAY_STORE", "")
    monkeypatch.delenv("INKRAY_HOME", raising=False)
    monkeypatch.setenv("HOME", str(place.parent))
    assert store_location(None) == str(place.parent / "inkray" / "store")


# What does not exist


def respell(folder: Path, **told: object) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **told}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text((folder / "manifest.json").read_text()[:-40]),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"name": "ink", "version": 2, "files": {}}'),
        lambda folder: respell(folder, created=None),
        lambda folder: respell(folder, format="1"),
        lambda folder: respell(folder, files=[]),
        lambda folder: respell(folder, files={"model.onnx": {"size": 11}}),
        lambda folder: (folder / "manifest.json").write_bytes((folder.parent / "1" / "manifest.json").read_bytes()),
        lambda folder: (folder / "model.onnx").unlink(),
        lambda folder: (folder / "model.onnx").write_text("the netw"),
    ],
    ids=[
        *("no manifest", "truncated", "not a dict", "keys missing", "no date", "another format", "files in a list"),
        *("no hash", "another's", "file missing", "file cut short"),
    ],
)
def test_a_folder_without_a_valid_manifest_does_not_exist(
    store: ModelStore, files: Path, place: Path, spoil: Callable[[Path], None]
) -> None:
    first = store.publish("ink", files, {})
    store.publish("ink", files, {})
    spoil(place / "ink/2")
    assert store.versions("ink") == [first]
    assert store.resolve("ink") == first
    assert refusal(UnknownName, lambda: store.resolve("ink:2")) == (
        f"There is no complete version or alias of ink in the store {place} called '2'; known: 1."
    )
    assert store.publish("ink", files, {}).number == 3


def test_what_a_newer_inkray_wrote_is_not_taken_for_absent(store: ModelStore, files: Path, place: Path) -> None:
    first = store.publish("ink", files, {})
    store.publish("ink", files, {})
    store.set_alias("ink", "production", 2)
    (place / "ink/2/manifest.json").write_text(json.dumps({"format": 2, "of": "another kind"}))
    for reference in ("ink", "ink:latest", "ink:2", "ink:production"):
        with pytest.raises(StoreError) as caught:
            store.resolve(reference)
        assert str(caught.value) == f"ink:2 in the store {place} was written by a newer inkray; update inkray."
    assert store.resolve("ink:1") == first
    assert (store.names(), store.versions("ink")) == (["ink"], [first])
    assert store.publish("ink", files, {}).number == 3
    assert store.resolve("ink").number == 3


def test_no_number_is_too_long_to_be_unknown(store: ModelStore, files: Path, place: Path) -> None:
    store.publish("ink", files, {})
    number = "9" * 5000
    assert refusal(UnknownName, lambda: store.resolve(f"ink:{number}")) == (
        f"There is no version or alias of ink in the store {place} called '{number}'; known: 1."
    )
    write(place / "ink/aliases", {"production": number})
    with pytest.raises(StoreError, match="holds no number"):
        store.resolve("ink:production")


def test_an_unknown_model_names_the_known_ones(store: ModelStore, files: Path, place: Path) -> None:
    unknown = f"There is no model in the store {place} called"
    assert refusal(UnknownName, lambda: store.resolve("ink")) == f"{unknown} 'ink'; known: none."
    store.publish("ink", files, {})
    for ask in (lambda: store.resolve("inc:1"), lambda: store.versions("inc"), lambda: store.set_alias("inc", "a", 1)):
        assert refusal(UnknownName, ask) == f"{unknown} 'inc'; known: ink. Did you mean 'ink'?"


def test_an_unknown_version_names_the_known_ones(store: ModelStore, files: Path, place: Path) -> None:
    store.publish("ink", files, {})
    store.set_alias("ink", "production", 1)
    unknown = f"There is no version or alias of ink in the store {place} called"
    assert refusal(UnknownName, lambda: store.resolve("ink:7")) == f"{unknown} '7'; known: 1, production."
    assert refusal(UnknownName, lambda: store.resolve("ink:prodution")) == (
        f"{unknown} 'prodution'; known: 1, production. Did you mean 'production'?"
    )
    assert refusal(UnknownName, lambda: store.set_alias("ink", "staging", 2)) == (
        f"{unknown} '2'; known: 1, production."
    )


# Names and aliases


def test_the_name_of_the_model_that_comes_with_the_code_is_refused(store: ModelStore, files: Path, place: Path) -> None:
    assert refusal(UsageError, lambda: store.publish("builtin", files, {})) == (
        "The model name 'builtin' is that of a model that comes with inkray; take another."
    )
    assert not (place / "builtin").exists()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "/etc", "ink\n", "tinté", "a b"])
def test_a_name_cannot_leave_the_store(store: ModelStore, files: Path, place: Path, name: str) -> None:
    store.publish("ink", files, {})
    before = tree(place.parent)
    rest = "will not do: use letters, digits, '-', '_' and '.', a letter or digit first."
    for ask in (lambda: store.publish(name, files, {}), lambda: store.resolve(name), lambda: store.versions(name)):
        assert refusal(UsageError, ask) == f"The model name {name!r} {rest}"
    for ask in (lambda: store.set_alias("ink", name, 1), lambda: store.resolve(f"ink:{name}")):
        assert refusal(UsageError, ask) == f"The alias {name!r} {rest}"
    assert tree(place.parent) == before


@pytest.mark.parametrize("alias", ["3", "007", "latest"])
def test_an_alias_is_not_what_already_has_a_meaning(store: ModelStore, files: Path, alias: str) -> None:
    store.publish("ink", files, {})
    assert refusal(UsageError, lambda: store.set_alias("ink", alias, 1)) == (
        f"{alias!r} cannot be an alias: a number names a version, 'latest' the highest one."
    )


def test_an_alias_is_always_one_of_its_values(store: ModelStore, files: Path) -> None:
    for _ in range(2):
        store.publish("ink", files, {})
    store.set_alias("ink", "production", 1)
    enough = threading.Event()

    def move() -> None:
        turn = 0
        while not enough.is_set():
            turn += 1
            store.set_alias("ink", "production", 1 + turn % 2)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        seen = [store.resolve("ink:production").number for _ in range(400)]
    finally:
        enough.set()
        mover.join()
    assert set(seen) == {1, 2}


def test_an_alias_of_a_lost_version_says_so(store: ModelStore, files: Path, place: Path) -> None:
    store.publish("ink", files, {})
    store.set_alias("ink", "production", 1)
    (place / "ink/1/manifest.json").unlink()
    assert refusal(StoreError, lambda: store.resolve("ink:production")) == (
        f"ink:production stands for ink:1, which is not in the store {place}: set it again."
    )
    (place / "ink/aliases/production").write_text("")
    assert refusal(StoreError, lambda: store.resolve("ink:production")) == (
        f"{place}/ink/aliases/production holds no number: set the alias again."
    )


# Bytes


def test_verify_names_what_changed_is_missing_or_slipped_in(store: ModelStore, files: Path, place: Path) -> None:
    write(files, {"card.md": "a card"})
    version = store.publish("ink", files, {})
    assert store.verify(version) == []
    write(place / "ink/1", {"model.onnx": "the netwosk"})
    assert store.verify(version) == ["model.onnx"]
    (place / "ink/1/card.md").unlink()
    write(place / "ink/1", {"plans/b.plan": "?"})
    assert store.verify(version) == ["card.md", "model.onnx", "plans/b.plan"]


# Adding files to a version


def test_files_are_added_and_the_old_manifest_still_holds(store: ModelStore, files: Path, tmp_path: Path) -> None:
    old = store.publish("ink", files, {"parity": {}, "classes": ["0"]})
    more = write(tmp_path / "more", {"model.fp16.onnx": "half", "model.onnx": "the network"})
    new = store.add_files(old, more, {"parity": {"openvino": 1e-4}})
    assert new == store.resolve("ink:1")
    assert new.manifest == {
        **old.manifest,
        "parity": {"openvino": 1e-4},
        "files": {**old.files, "model.fp16.onnx": new.files["model.fp16.onnx"]},
    }
    assert store.verify(new) == []
    assert store.verify(old) == ["model.fp16.onnx"]


def test_two_who_add_from_the_same_old_version_both_count(store: ModelStore, files: Path, tmp_path: Path) -> None:
    old = store.publish("ink", files, {})
    store.add_files(old, write(tmp_path / "a", {"a": "a"}), {"first": 1})
    both = store.add_files(old, write(tmp_path / "b", {"b": "b"}), {"second": 2})
    assert both.files.keys() == {"model.onnx", "plans/a.plan", "a", "b"}
    assert (both.manifest["first"], both.manifest["second"]) == (1, 2)


def test_an_update_is_made_of_the_manifest_that_is_there_by_then(
    store: ModelStore, files: Path, tmp_path: Path
) -> None:
    def with_row(row: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return lambda manifest: {"parity": [*manifest.get("parity", []), row]}

    old = store.publish("ink", files, {})
    store.add_files(old, write(tmp_path / "a", {"a": "a"}), with_row("first"))
    both = store.add_files(old, write(tmp_path / "b", {"b": "b"}), with_row("second"))
    assert both.manifest["parity"] == ["first", "second"]
    before = tree(tmp_path / "store")
    assert refusal(UsageError, lambda: store.add_files(old, files, lambda _: {"files": {}})) == (
        "A manifest's files may not be given: the model store sets them."
    )
    assert tree(tmp_path / "store") == before


def test_a_published_file_keeps_its_content(store: ModelStore, files: Path, place: Path, tmp_path: Path) -> None:
    version = store.publish("ink", files, {})
    before = tree(place)
    other = write(tmp_path / "other", {"a": "new", "model.onnx": "THE network"})
    assert refusal(StoreError, lambda: store.add_files(version, other, {})) == (
        f"ink:1 already has another model.onnx: rename {other / 'model.onnx'}, or publish a new version."
    )
    assert tree(place) == before
    assert store.resolve("ink:1") == version


def test_files_are_not_added_to_a_version_that_does_not_exist(store: ModelStore, files: Path, place: Path) -> None:
    version = store.publish("ink", files, {})
    assert refusal(UnknownName, lambda: store.add_files(Version("ink", 9, version.manifest), files, {})) == (
        f"There is no version or alias of ink in the store {place} called '9'; known: 1."
    )
    assert store.publish("ink", files, {}).number == 2


def test_where_a_store_lies_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process needs it that has another working folder and another environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INKRAY_STORE", "models")
    assert store_location(None) == str(tmp_path / "models")
    assert store_location("other") == str(tmp_path / "other")
    assert store_location("s3://bucket/models") == "s3://bucket/models"
