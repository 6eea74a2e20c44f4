"""Files read whole, and held against what they were when they were listed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from pipelines.errors import first_line
from pipelines.files.paths import printable
from pipelines.files.remote import UNKNOWN, File

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Unread:
    """Why there are no bytes."""

    text: str
    """As a sentence about the file, which it calls it."""
    changed: bool = False
    """Whether another file than the listed one lies there now."""


def read_file(filesystem: fs.FileSystem, file: File) -> bytes | Unread:
    """The bytes of a file that was listed, or why there are none."""
    try:
        if isinstance(filesystem, fs.LocalFileSystem):
            return _read_local(file)
        with open_stream(filesystem, file.path) as stream:
            content = stream.read()
            return _difference(file, len(content), _changed_at(filesystem, file, stream), SECOND) or content
    except (OSError, pa.ArrowException) as error:
        return Unread(f"{_subject(filesystem, file.path)} cannot be read: {first_line(error)}")


def changed_since(filesystem: fs.FileSystem, file: File) -> Unread | None:
    """Whether another file lies there than the listed one, for files that are read in parts."""
    try:
        if isinstance(filesystem, fs.LocalFileSystem):
            found = Path(file.path).stat()
            return _difference(file, found.st_size, found.st_mtime_ns, 1)
        [info] = filesystem.get_file_info([file.path])
    except (OSError, pa.ArrowException) as error:
        return Unread(f"it cannot be read: {first_line(error)}")
    if info.type == fs.FileType.NotFound:
        return Unread("it cannot be read: it is gone")
    return _difference(file, info.size or 0, info.mtime_ns or 0, SECOND)


def open_stream(filesystem: fs.FileSystem, path: str) -> pa.NativeFile:
    """Open it as it is, whatever its name says of compression."""
    return filesystem.open_input_stream(_named(filesystem, path), compression=None)


def open_anywhere(filesystem: fs.FileSystem, path: str) -> pa.NativeFile:
    """Open it for reading at any place of it."""
    return filesystem.open_input_file(_named(filesystem, path))


def _named(filesystem: fs.FileSystem, path: str) -> str | bytes:
    """The name in bytes where it may be no UTF-8."""
    return os.fsencode(path) if isinstance(filesystem, fs.LocalFileSystem) else path


def _difference(file: File, size: int, changed: int, unit: int) -> Unread | None:
    """How it differs from the listed file. Times elsewhere count by the second, which is all that some answers have."""
    if file.size == UNKNOWN:
        return None
    if size != file.size:
        there = "was a link to nothing" if file.leads_nowhere else f"had {file.size:,}"
        return Unread(f"it changed while it was read: it has {size:,} bytes, and {there} when it was listed", True)
    if changed and file.changed and changed // unit != file.changed // unit:
        return Unread("it changed while it was read: it was written to after it was listed", True)
    return None


def _changed_at(filesystem: fs.FileSystem, file: File, stream: pa.NativeFile) -> int:
    """From the answer that brought the bytes if it says so, which spares another request."""
    if file.size == UNKNOWN:
        return 0
    told = stream.metadata().get(b"Last-Modified")
    if told:
        return round(datetime.fromisoformat(told.decode()).timestamp()) * SECOND
    [info] = filesystem.get_file_info([file.path])
    return info.mtime_ns or 0


def _subject(filesystem: fs.FileSystem, path: str) -> str:
    if not isinstance(filesystem, fs.LocalFileSystem) or not Path(path).is_symlink():
        return "it"
    return f"it is a link to {printable(str(Path(path).readlink()))} and"


def _read_local(file: File) -> bytes | Unread:
    """Read by the system's calls alone: for a small file, those of a file object take as long as the reading."""
    # Without waiting, as a pipe would until somebody writes to it.
    opened = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        content = _up_to(opened, (file.size if file.size > 0 else _size_of(os.fstat(opened))) + 1)
        found = os.fstat(opened)
    finally:
        os.close(opened)
    if not _is_regular(found):
        return Unread("it is not a regular file")
    return _difference(file, found.st_size, found.st_mtime_ns, 1) or content


def _up_to(opened: int, size: int) -> bytes:
    """So many bytes, or fewer if there are no more; a device may never end."""
    content = os.read(opened, size)
    if len(content) >= size - 1:
        return content
    parts = [content]
    while parts[-1] and (left := size - sum(map(len, parts))):
        parts.append(os.read(opened, left))
    return b"".join(parts)


def _size_of(found: os.stat_result) -> int:
    """What was listed without a size may be a pipe, from which nothing must be taken."""
    return found.st_size if _is_regular(found) else -1


def _is_regular(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode)
