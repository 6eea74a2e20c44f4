"""Where a store may lie, and what is said where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import StoreError, UsageError
from pipelines.model_store import ModelStore
from pipelines.store_place import Place, is_claim
from tests.stores import network, refusal, tree


def test_a_place_is_a_path_or_an_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ModelStore(tmp_path / "store").publish("ink", network(tmp_path / "files"), {})
    assert ModelStore((tmp_path / "store").as_uri()).names() == ["ink"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ModelStore("~/store").names() == ["ink"]
    monkeypatch.chdir(tmp_path)
    relative = ModelStore("store")
    monkeypatch.chdir("/")
    assert relative.names() == ["ink"]


def test_an_unwritable_store_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    files = network(tmp_path / "files")
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "store"
    before = tree(tmp_path)
    for ask in (ModelStore(place).check_writable, lambda: ModelStore(place).publish("ink", files, {})):
        assert refusal(StoreError, ask) == (
            f"The model store {place} cannot be written: Not a directory. "
            "Check its path and permissions, or name another with --store or INKRAY_STORE."
        )
    assert tree(tmp_path) == before


def test_a_folder_where_nothing_can_be_made_is_not_writable() -> None:
    message = refusal(StoreError, ModelStore("/proc/inkray/store").check_writable)
    assert message.startswith("The model store /proc/inkray/store cannot be written: ")


def test_a_writable_store_stays_as_it_was(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "some" / "store")
    store.check_writable()
    assert list(tmp_path.iterdir()) == []
    store.publish("ink", network(tmp_path / "files"), {})
    before = tree(tmp_path)
    store.check_writable()
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("uri", "shown"),
    [("ftp://me:secret@host/models", "ftp://host/models"), ("s3://me:secret@[b/x?region=a@b", "s3://[b/x")],
)
def test_an_uri_that_cannot_be_is_refused_without_its_password(uri: str, shown: str) -> None:
    assert refusal(UsageError, lambda: ModelStore(uri)) == (
        f"A model store cannot lie at {shown!r}: name a folder, or an URI such as s3://BUCKET/FOLDER, "
        "gs://BUCKET/FOLDER or file:///FOLDER."
    )


def test_a_home_of_nobody_is_refused() -> None:
    assert refusal(UsageError, lambda: ModelStore("~nobody-of-that-name/models")) == (
        "There is no place ~nobody-of-that-name/models: its user has no home here; write the whole path."
    )


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), StoreError("the listing failed")])
@pytest.mark.parametrize("step", ["_write", "files"])
def test_a_claim_does_not_outlive_what_failed_under_it(
    step: str, failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could write there, until a person deleted it."""
    place = Place(tmp_path)
    done = getattr(place, step)

    def and_fails(*words: object) -> None:
        done(*words)
        raise failure

    monkeypatch.setattr(place, step, and_fails)
    with pytest.raises(type(failure)), place.claimed(lambda: "ink/1", is_claim):
        pass
    assert tree(tmp_path) == set()
