"""Files and folders that appear whole or not at all.

A few lines, since the library for it, atomicwrites, is no longer maintained and knows no folders.
"""

from __future__ import annotations

import json
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError
from pipelines.files import paths

DRAFT = re.compile(r"\..+-[0-9a-f]{32}")
"""The name of a file that was not finished."""


def write_atomic(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write the bytes, or pieces of them that need not fit into memory together."""
    # Named for itself alone, since two tasks may write the same file: one that was given up, and its successor.
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            with draft.open("wb") as file:
                file.writelines(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_named(path: Path, content: bytes) -> None:
    """Write a file that a user named; errors say what is wrong with the name."""
    path = check_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error


def write_json(path: Path | None, content: Any) -> None:
    """Write the content as JSON if the user named a file for it."""
    if path is not None:
        write_named(path, (json.dumps(content, indent=2) + "\n").encode())


def check_file(path: Path) -> Path:
    """Check before the work that its result can be written there, as far as can be known."""
    path = paths.expanded(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file to write.")
    there = next(folder for folder in path.parents if folder.exists())
    if not there.is_dir():
        raise UsageError(f"Cannot write {path}: {there} is a file.")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def refuse_existing(path: Path, overwrite: bool) -> None:
    """An empty folder counts as absent: nothing in it can be lost."""
    if overwrite or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    raise UsageError(f"{path} exists already; choose another name, or have it replaced.", option="overwrite")


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill, which takes the place of `folder` once it is full."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that a rename never crosses file systems.
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent) as staging:
            fresh = Path(staging, "fresh")
            fresh.mkdir()
            yield fresh
            if folder.exists():
                folder.rename(Path(staging, "stale"))
            fresh.rename(folder)
    except OSError as error:
        raise UsageError(f"Cannot write {folder}: {error.strerror}.") from error
