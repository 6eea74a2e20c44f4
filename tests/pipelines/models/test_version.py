"""What may be published is decided before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import StoreError, UsageError
from pipelines.models.store import ModelStore
from tests.stores import network, refusal, write


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (None, "There is no folder {folder} to publish."),
        ({"manifest.json": "{}"}, "{folder}/manifest.json cannot be published: {own}"),
        ({"a": "", ".claim-1": ""}, "{folder}/.claim-1 cannot be published: {own}"),
        ({}, "The folder {folder} holds no file to publish."),
    ],
)
def test_a_folder_that_cannot_be_published(tmp_path: Path, files: dict[str, str] | None, message: str) -> None:
    folder = tmp_path / "files"
    if files is not None:
        folder.mkdir()
        write(folder, files)
    own = "manifest.json and names that begin with a dot are the store's own."
    store = ModelStore(tmp_path / "store")
    assert refusal(UsageError, lambda: store.publish("ink", folder, {})) == message.format(folder=folder, own=own)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("told", "kind", "message"),
    [
        ({"files": 1, "name": 2}, UsageError, "A manifest's files, name may not be given: the model store sets them."),
        (
            {"at": {1, 2}},
            StoreError,
            "The manifest cannot be written as JSON: Object of type set is not JSON serializable.",
        ),
        ({"loss": float("nan")}, StoreError, "The manifest cannot be written as JSON: Out of range float values"),
    ],
)
def test_a_manifest_that_cannot_be_published(
    tmp_path: Path, told: dict[str, Any], kind: type[Exception], message: str
) -> None:
    store = ModelStore(tmp_path / "store")
    assert refusal(kind, lambda: store.publish("ink", network(tmp_path / "files"), told)).startswith(message)
    assert not (tmp_path / "store").exists()
