"""Where a store may lie, and what is said where it may not."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from pipelines.errors import StoreError, UsageError
from pipelines.models.cache import changed_files
from pipelines.models.location import StoreLocation, is_claim
from pipelines.models.store import ModelStore
from tests.stores import network, refusal, tree, write


def test_a_place_is_a_path_or_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
            "Check its path and permissions, or name another store, in INKRAY_STORE for example."
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
    ("uri", "refused"),
    [
        (
            "ftp://me:secret@host/models",
            "'ftp://host/models' cannot be opened (Unrecognized filesystem type in URI: ftp://host/models)",
        ),
        (
            "s3://me:secret@[b/x?region=a@b",
            "'s3://[b/x' cannot be opened (Invalid IPv6 URL)",
        ),
    ],
)
def test_a_uri_that_cannot_be_is_refused_without_its_password(uri: str, refused: str) -> None:
    assert refusal(UsageError, lambda: ModelStore(uri)) == (
        f"{refused}; name a path, or a URI such as s3://BUCKET/FOLDER."
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
    place = StoreLocation(tmp_path)
    done = getattr(place, step)

    def and_fails(*words: object) -> None:
        done(*words)
        raise failure

    monkeypatch.setattr(place, step, and_fails)
    with pytest.raises(type(failure)), place.claimed(lambda: "ink/1", is_claim):
        pass
    assert tree(tmp_path) == set()


class Unsteady(fs.LocalFileSystem):
    """Here another process makes or removes a folder at the very moment at which it is listed.

    pyarrow fails then, although it is told that a folder may be absent: it looks, finds nothing to list, looks again
    whether the folder is there, and by then it is.
    """

    def __init__(self, folder: Path, happens: Callable[[], None]) -> None:
        super().__init__()
        self._folder, self._happens, self._moments = folder, happens, 1

    def get_file_info(self, asked: Any) -> Any:
        if isinstance(asked, fs.FileSelector) and self._moments and self._meets(asked):
            self._moments -= 1
            self._happens()
            raise FileNotFoundError(errno.ENOENT, f"Cannot list directory '{self._folder}'.")
        return super().get_file_info(asked)

    def _meets(self, asked: fs.FileSelector) -> bool:
        listed = Path(asked.base_dir)
        return self._folder == listed or (asked.recursive and self._folder.is_relative_to(listed))


@pytest.mark.parametrize("rival", ["ink/1", "ink"])
def test_a_model_that_another_begins_at_that_moment_is_no_reason_to_fail(rival: str, tmp_path: Path) -> None:
    """Of two who published the first version of a model at once, one failed."""
    folder = tmp_path / "store" / rival
    store = ModelStore(tmp_path / "store", Unsteady(folder, lambda: folder.mkdir(parents=True)))
    assert store.publish("ink", network(tmp_path / "files"), {}).number == 1
    assert store.names() == ["ink"]


def test_a_store_that_another_begins_at_that_moment_is_there_or_not(tmp_path: Path) -> None:
    place = tmp_path / "store"
    store = ModelStore(place, Unsteady(place, place.mkdir))
    assert store.names() == []
    assert store.publish("ink", network(tmp_path / "files"), {}).number == 1


def test_a_folder_that_goes_while_it_is_listed_takes_nothing_else_along(tmp_path: Path) -> None:
    write(tmp_path, {"ink/1/model.onnx": "one", "ink/2/plans/a.plan": "two", "ink/3/model.onnx": "three"})
    (tmp_path / "ink/2/plans/gone").mkdir()
    gone = tmp_path / "ink/2/plans/gone"
    place = StoreLocation(tmp_path, Unsteady(gone, gone.rmdir))
    assert place.files("ink") == {"1/model.onnx": 3, "2/plans/a.plan": 3, "3/model.onnx": 5}
    assert not gone.exists()


def test_a_file_that_goes_before_it_is_opened_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path / "store")
    version = store.publish("ink", network(tmp_path / "files"), {})
    listed = StoreLocation.files

    def and_goes(place: StoreLocation, path: str) -> dict[str, int]:
        found = listed(place, path)
        (tmp_path / "store/ink/1/model.onnx").unlink()
        return found

    monkeypatch.setattr(StoreLocation, "files", and_goes)
    assert changed_files(version.files, StoreLocation(tmp_path / "store"), version.folder) == ["model.onnx"]


def test_a_claim_that_somebody_took_away_is_no_reason_to_fail(tmp_path: Path) -> None:
    """A person is told to delete the claims of publishers who were killed, and may err in one who still writes."""
    place = StoreLocation(tmp_path)
    with place.claimed(lambda: "ink/1", is_claim) as folder:
        (claim,) = (tmp_path / folder).glob(".claim-*")
        claim.unlink()
    assert tree(tmp_path) == set()
