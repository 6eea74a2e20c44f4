"""Files on this machine or on any filesystem that pyarrow knows, listed and read the same way."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs

from pipelines.errors import DataError, InkrayError, UsageError, first_line
from pipelines.files.paths import printable
from pipelines.files.patterns import ALL, Pattern
from pipelines.files.walking import Entry, walk

MAGIC = frozenset("*?[")
NOWHERE = -1
"""The size of a dangling link's target."""


class File(NamedTuple):
    path: str
    size: int
    changed: int
    """The modification time in nanoseconds, as the filesystem reports it."""

    @property
    def suffix(self) -> str:
        return posixpath.splitext(self.path)[1].lower()

    @property
    def leads_nowhere(self) -> bool:
        return self.size == NOWHERE


@dataclass(frozen=True)
class Location:
    """A named place on its filesystem; `shown` is its name in messages and rows."""

    filesystem: fs.FileSystem
    path: str
    shown: str

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @property
    def prefix(self) -> str:
        """The prefix that turns a path of the filesystem into the name of a file: empty, or `s3://`."""
        return "" if self.is_local else f"{self.shown.partition('://')[0]}://"


def display_name(place: str) -> str:
    """The name of a place in messages and rows, without the password that a URI may contain."""
    if "://" not in place:
        return printable(_absolute(place))
    scheme, _, rest = place.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".partition("?")[0]


def _absolute(place: str) -> str:
    return os.path.abspath(os.path.expanduser(place))  # noqa: PTH100, PTH111 - a glob is no path


def parse_location(place: str) -> Location:
    name = display_name(place)
    if "://" not in place:
        return Location(fs.LocalFileSystem(), _absolute(place), name)
    try:
        filesystem, path = fs.FileSystem.from_uri(place)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{name!r} cannot be opened ({str(error).replace(place, name)}); name a path, or a URI such as "
            "s3://BUCKET/FOLDER."
        ) from error
    except OSError as error:
        raise InkrayError(f"{name!r} cannot be reached: {first_line(error).replace(place, name)}.") from error
    return Location(filesystem, path, printable(path) if isinstance(filesystem, fs.LocalFileSystem) else name)


def list_files(where: Location, without: Path | None = None) -> list[File]:
    """The file itself, or all below the folder, or that match the pattern, and are not hidden; sorted by path.

    What lies below the folder `without` is left out, where that is on this machine; links that lead nowhere are not.
    """
    try:
        files = _on_this_machine(where, without) if where.is_local else _elsewhere(where)
        return sorted(files, key=lambda file: file.path)
    except (OSError, pa.ArrowException) as error:
        place = (isinstance(error, OSError) and error.filename) or where.shown
        raise DataError(f"{printable(place)} cannot be listed: {first_line(error)}.") from error


def _on_this_machine(where: Location, without: Path | None) -> Iterator[File]:
    place = Path(where.path)
    try:
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        top, pattern = _pattern_below(where)
        if not Path(top).is_dir():
            raise _no_folder(top, where) from None
    else:
        if not stat.S_ISDIR(found.st_mode):
            return iter([_to_file(Entry(where.path, found))])
        top, pattern = where.path, ALL
    # A run that is to write where its input lies is refused for that, and not for having no input.
    inside = without is not None and place.is_relative_to(without)
    return map(_to_file, walk(top, pattern, None if inside else without))


def _to_file(entry: Entry) -> File:
    if entry.found is None:
        return File(entry.path, NOWHERE, 0)
    regular = stat.S_ISREG(entry.found.st_mode)
    return File(entry.path, entry.found.st_size if regular else 0, entry.found.st_mtime_ns)


def _elsewhere(where: Location) -> Iterator[File]:
    [info] = where.filesystem.get_file_info([where.path])
    if info.type == fs.FileType.NotFound:
        top, pattern = _pattern_below(where)
        [info] = where.filesystem.get_file_info([top])
        if info.type != fs.FileType.Directory:
            raise _no_folder(top, where)
    elif info.type == fs.FileType.Directory:
        top, pattern = where.path, ALL
    else:
        return iter([_to_remote_file(info)])
    found = where.filesystem.get_file_info(fs.FileSelector(top, recursive=True))
    below = ((info, info.path[len(top) :].strip("/")) for info in found if info.type != fs.FileType.Directory)
    return (
        _to_remote_file(info) for info, path in below if not is_hidden(path) and pattern.means(tuple(path.split("/")))
    )


def _to_remote_file(info: fs.FileInfo) -> File:
    return File(info.path, info.size or 0, info.mtime_ns or 0)


def _no_folder(top: str, where: Location) -> UsageError:
    return UsageError(f"There is no folder {printable(top)} for the pattern {where.shown}; check the path.")


def _pattern_below(where: Location) -> tuple[str, Pattern]:
    """The folder at which a pattern begins, and the rest; only of what is not there, since a name may look like one."""
    parts = PurePosixPath(where.path).parts
    signs = [at for at, part in enumerate(parts) if MAGIC & set(part)]
    if not signs:
        raise UsageError(f"There is no {where.shown}; check the path.")
    return str(PurePosixPath(*parts[: signs[0]])), Pattern(parts[signs[0] :])


def is_hidden(path: str) -> bool:
    """Whether the path is hidden as for a shell: drafts, thumbnails, and what macOS puts beside a file."""
    return any(name.startswith(".") and name not in (".", "..") for name in path.split("/"))


def of_kind(files: Iterable[File], suffixes: Collection[str]) -> list[File]:
    """The files with such suffixes, and dangling links, whose targets may have been such files."""
    return [file for file in files if file.suffix in suffixes or file.leads_nowhere]


def fingerprint(kind: str, files: Iterable[File], *settings: object) -> str:
    """A digest of the files' names, sizes and times, not of their bytes: reading those is the work itself."""
    digest = hashlib.sha256(repr((kind, settings)).encode())
    for file in files:
        digest.update(repr(file).encode())
    return digest.hexdigest()
