"""Places and files on this machine or on any filesystem that pyarrow knows, named the same way."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pyarrow import fs

from pipelines.errors import InkrayError, UsageError, first_line
from pipelines.files.paths import printable
from pipelines.files.s3_uri import open_s3

NOWHERE = -1
"""The size of a dangling link's target."""
UNKNOWN = -2
"""The size of a file that was not listed, but named by somebody."""


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
        filesystem, path = open_uri(place, os.environ)
    except ValueError as error:
        raise UsageError(
            f"{name!r} cannot be opened ({str(error).replace(place, name)}); name a path, or a URI such as "
            "s3://BUCKET/FOLDER."
        ) from error
    except OSError as error:
        raise InkrayError(f"{name!r} cannot be reached: {first_line(error).replace(place, name)}.") from error
    return Location(filesystem, path, printable(path) if isinstance(filesystem, fs.LocalFileSystem) else name)


def open_uri(uri: str, environment: Mapping[str, str]) -> tuple[fs.FileSystem, str]:
    """The filesystem of a URI, and the path there. What is wrong with it is told by a `ValueError`, as Arrow does."""
    if uri.lower().startswith("s3://"):
        return open_s3(uri, environment)
    found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(uri)
    return found


def is_hidden(path: str) -> bool:
    """Whether the path is hidden as for a shell: drafts, thumbnails, and what macOS puts beside a file."""
    return any(name.startswith(".") and name not in (".", "..") for name in path.split("/"))


def fingerprint(kind: str, files: Iterable[File], *settings: object) -> str:
    """A digest of the files' names, sizes and times, not of their bytes: reading those is the work itself."""
    digest = FilesDigest()
    for file in files:
        digest.add(file)
    return digest.of(kind, *settings)


class FilesDigest:
    """A digest of files that come one by one."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, file: File) -> None:
        self._digest.update(repr(file).encode())

    def of(self, kind: str, *settings: object) -> str:
        """The digest of the files so far, read as such a kind with such settings."""
        return hashlib.sha256(repr((kind, settings, self._digest.hexdigest())).encode()).hexdigest()
