"""Files on this machine or on any filesystem that pyarrow knows, listed and read the same way."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from pipelines.errors import DataError, UsageError

MAGIC = frozenset("*?[")


class File(NamedTuple):
    path: str
    size: int
    changed: int
    """Its time of change in nanoseconds, as the filesystem tells it."""

    @property
    def suffix(self) -> str:
        return posixpath.splitext(self.path)[1].lower()


@dataclass(frozen=True)
class Where:
    """A place that was named, on its filesystem; `shown` is what it is called in messages and rows."""

    filesystem: fs.FileSystem
    path: str
    shown: str

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @property
    def prefix(self) -> str:
        """What stands before a path of the filesystem in the name of a file."""
        return "" if self.is_local else f"{urlsplit(self.shown).scheme}://"


def shown(place: str) -> str:
    """What a place is called, however it was written, and without the password that an URI may hold."""
    if "://" not in place:
        return os.path.abspath(os.path.expanduser(place))  # noqa: PTH100, PTH111 - a glob is no path
    parts = urlsplit(place)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def parse(place: str) -> Where:
    name = shown(place)
    if "://" not in place:
        return Where(fs.LocalFileSystem(), name, name)
    try:
        filesystem, path = fs.FileSystem.from_uri(place)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(
            f"{name!r} cannot be opened ({str(error).replace(place, name)}); name a path, or an URI such as "
            "s3://BUCKET/FOLDER."
        ) from error
    return Where(filesystem, path, path if isinstance(filesystem, fs.LocalFileSystem) else name)


def list_files(where: Where, without: Path | None = None) -> list[File]:
    """The file itself, or all below the folder, or that match the pattern, and are not hidden; sorted by path."""
    files = _listed(where)
    # A run that is to write where its input lies is refused for that, and not for having no input.
    if without is None or not where.is_local or PurePosixPath(where.path).is_relative_to(without):
        return files
    return [file for file in files if not PurePosixPath(file.path).is_relative_to(without)]


def _listed(where: Where) -> list[File]:
    try:
        [info] = where.filesystem.get_file_info([where.path])
        if info.type == fs.FileType.NotFound:
            # Only now, since the signs of a pattern may stand in a name, too.
            if MAGIC & set(where.path):
                return _matching(where)
            raise UsageError(f"There is no {where.shown}; check the path.")
        if info.type == fs.FileType.Directory:
            return _below(where, where.path)
        return [_to_file(info)]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{where.shown} cannot be listed: {_reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where.shown} cannot be listed: the name {error.object!r} is no UTF-8; give that file another."
        ) from error


def _below(where: Where, folder: str) -> list[File]:
    """What is hidden is left out, as a shell does: drafts, thumbnails, and what macOS puts beside a file."""
    found = where.filesystem.get_file_info(fs.FileSelector(folder, recursive=True))
    files = (_to_file(info) for info in found if info.type != fs.FileType.Directory)
    return sorted((file for file in files if not is_hidden(file.path[len(folder) :])), key=lambda file: file.path)


def is_hidden(path: str) -> bool:
    return any(name.startswith(".") and name not in (".", "..") for name in path.split("/"))


def _matching(where: Where) -> list[File]:
    fixed = list(PurePosixPath(where.path).parts)
    first = next(index for index, part in enumerate(fixed) if MAGIC & set(part))
    base = str(PurePosixPath(*fixed[:first]))
    [info] = where.filesystem.get_file_info([base])
    if info.type != fs.FileType.Directory:
        raise UsageError(f"There is no folder {base} for the pattern {where.shown}; check the path.")
    pattern = PurePosixPath(where.path)
    return [file for file in _below(where, base) if _fits(PurePosixPath(file.path), pattern)]


def _fits(path: PurePosixPath, pattern: PurePosixPath) -> bool:
    """As a shell does: `**` for any folders, even none; other signs within one name."""
    return _fit(path.parts, pattern.parts)


def _fit(names: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_fit(names[skip:], patterns[1:]) for skip in range(len(names) + 1))
    return bool(names) and PurePosixPath(names[0]).match(patterns[0]) and _fit(names[1:], patterns[1:])


def _to_file(info: fs.FileInfo) -> File:
    return File(info.path, info.size or 0, info.mtime_ns or 0)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error).strip().splitlines()[0].rstrip(".")


def read_file(filesystem: fs.FileSystem, path: str) -> bytes | str:
    """The file's bytes, or why it cannot be read."""
    try:
        if isinstance(filesystem, fs.LocalFileSystem):
            return _read_local(path)
        with filesystem.open_input_stream(path) as stream:
            return stream.read()
    except (OSError, pa.ArrowException) as error:
        return f"it cannot be read: {_reason(error)}"


def _read_local(path: str) -> bytes | str:
    with open(path, "rb", buffering=0, opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return "it is not a regular file"
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    """As a pipe would let us, until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def fingerprint(kind: str, files: Iterable[File], *settings: object) -> str:
    """Of which files there are, how long and how old, not of their bytes: reading those is the work itself."""
    digest = hashlib.sha256(repr((kind, settings)).encode())
    for file in files:
        digest.update(repr(file).encode())
    return digest.hexdigest()
