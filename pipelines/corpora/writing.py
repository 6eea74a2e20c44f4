"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import UsageError


def refuse_existing(path: Path, overwrite: bool) -> None:
    """An empty folder counts as absent: nothing in it can be lost."""
    if overwrite or not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    raise UsageError(f"{path} exists already; choose another name or pass --overwrite.")


def write_whole(file: Path, content: bytes) -> None:
    with _staging(file) as staging:
        staged = staging / file.name
        staged.write_bytes(content)
        if file.is_dir():
            raise UsageError(f"{file} is a folder; name a file to write.")
        staged.replace(file)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill, which takes the place of `folder` once it is full."""
    with _staging(folder) as staging:
        fresh = staging / "fresh"
        fresh.mkdir()
        yield fresh
        if folder.exists():
            folder.rename(staging / "stale")
        fresh.rename(folder)


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A hidden folder beside the target, so that a rename never crosses file systems."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            yield staging
        finally:
            shutil.rmtree(staging)
    except OSError as error:
        raise UsageError(f"Cannot write {target}: {error.strerror}.") from error
