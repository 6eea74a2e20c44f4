"""A version of a file: seen, read wherever the folder is mounted alike, and moved when its rows are in the sink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from pyarrow import fs

from pipelines.errors import DataError, first_line
from pipelines.files.reading import read_file
from pipelines.files.remote import File
from pipelines.inference.outcome import Reason
from pipelines.labeling.inputs.base import bytes_or_reason


class VersionOfFile(NamedTuple):
    changed: int
    size: int

    def __str__(self) -> str:
        return f"{self.changed}-{self.size}"


class Sight(NamedTuple):
    version: VersionOfFile
    landed: float
    """When it was written, or moved here, as the file system says."""


@dataclass(frozen=True)
class FileVersion:
    """What an actor reads: one version of a file, wherever the folder is mounted alike."""

    path: str
    version: VersionOfFile
    waits: ClassVar[bool] = False

    def read(self) -> bytes | Reason:
        file = File(self.path, self.version.size, self.version.changed)
        return bytes_or_reason(read_file(fs.LocalFileSystem(), file))


def sight_of(path: Path | str) -> Sight | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return Sight(VersionOfFile(found.st_mtime_ns, found.st_size), found.st_ctime)


def move_version(source: Path, at: str, wanted: Path) -> None:
    """Move that version of a file, if it is still there, to the name that is wanted, or one like it."""
    if not _is(source, at):
        return
    target = _free(wanted)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        if not _is(target, at) and not source.exists():
            # It was replaced in this very instant, by what was not read.
            target.rename(source)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DataError(f"{source} cannot be moved to {target}: {first_line(error)}.") from error


def _is(path: Path, at: str) -> bool:
    sight = sight_of(path)
    return sight is not None and str(sight.version) == at


def _free(path: Path) -> Path:
    """A name that is free: files of one name may be done on different days."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}~{number}")
    return free
