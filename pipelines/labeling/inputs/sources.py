"""Where the files of an input lie, and how tasks read them: from object stores many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pyarrow import fs

from pipelines.files.ahead import ahead
from pipelines.files.paths import printable
from pipelines.files.reading import read_file
from pipelines.files.remote import UNKNOWN, File
from pipelines.inference.outcome import Reason
from pipelines.labeling.inputs.base import bytes_or_reason

AT_ONCE = 16
"""Files that a task reads from an object store at the same time, each of which mostly waits for an answer."""
HELD = 64 << 20
"""Maximum bytes of files that are read ahead; a single one may be larger."""


class FileSource(Protocol):
    """Knows the names of files, and reads them."""

    @property
    def is_local(self) -> bool: ...

    def name(self, file: File) -> str: ...

    def read(self, file: File) -> bytes | Reason: ...


@dataclass(frozen=True)
class OnFilesystem:
    filesystem: fs.FileSystem
    prefix: str

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def name(self, file: File) -> str:
        return printable(self.prefix + file.path)

    def read(self, file: File) -> bytes | Reason:
        return bytes_or_reason(read_file(self.filesystem, file))


def contents(source: FileSource, files: Iterable[File]) -> Iterator[bytes | Reason]:
    """What each file holds, in order: threads would only hinder each other on a disk, but not where they wait."""
    if source.is_local:
        return map(source.read, files)
    return ahead(source.read, files, AT_ONCE, _weight, HELD)


def _weight(file: File) -> int:
    return HELD // AT_ONCE if file.size == UNKNOWN else max(0, file.size)
