"""Images in a zip or a tar file. A damaged member is an item with a reason, a damaged archive is an error."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import numpy as np
from pyarrow import fs

from pipelines.errors import DataError
from pipelines.files.remote import File, Location, fingerprint, is_hidden
from pipelines.inference.outcome import Reason
from pipelines.labeling.inputs.base import (
    ALL,
    FILES_PER_SHARD,
    FoundInput,
    Input,
    Items,
    ReadTask,
    cut,
    decoded,
    unreadable,
)
from pipelines.labeling.inputs.image_files import SUFFIXES

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    NotImplementedError,  # what zipfile raises for a way of packing that it does not know
    RuntimeError,
    ValueError,
)
MAX_MEMBER = 200_000_000
"""Maximum bytes of an unpacked image; more is a bomb or a mistake."""


class Packed(NamedTuple):
    name: str
    size: int
    unpack: Callable[[], bytes]


class Image(NamedTuple):
    place: int
    """Index among all files of the archive, since names may repeat."""
    name: str
    number: int
    """The number of earlier files of the same name."""


class Archive(Input[Items]):
    def __init__(self, kind: str, filesystem: fs.FileSystem, path: str, shown: str) -> None:
        self.kind, self._filesystem, self._path, self._shown = kind, filesystem, path, shown

    def images(self) -> list[Image]:
        """The images in the order of the archive."""
        try:
            with self._open() as files:
                return list(_images(file.name for file in files))
        except BROKEN as error:
            raise DataError(f"{self._shown} cannot be read as a {self.kind} file: {error}.") from error

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        with self._open() as files:
            start = 0
            for shard, size in zip(task.shards, task.sizes, strict=True):
                images: list[Image] = task.payload[start : start + size][only]
                start += size
                if shard in pending:
                    sources = [f"{self._shown}!{image.name}" for image in images]
                    numbers = np.array([image.number for image in images], np.int64)
                    yield decoded(shard, sources, numbers, (_unpacked(files[image.place]) for image in images))

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        image: Image = task.payload[task.before(shard) + index]
        return f"{self._shown}!{image.name}", image.number

    @contextmanager
    def _open(self) -> Iterator[list[Packed]]:
        with self._filesystem.open_input_file(self._path) as file:
            stream = io.BufferedReader(file, 1 << 20)
            if self.kind == "zip":
                with zipfile.ZipFile(stream) as archive:
                    yield list(_in_zip(archive))
            else:
                with tarfile.open(fileobj=stream) as tar:
                    yield list(_in_tar(tar))


def _in_zip(archive: zipfile.ZipFile) -> Iterator[Packed]:
    for member in archive.infolist():
        if not member.is_dir():
            yield Packed(member.filename, member.file_size, partial(archive.read, member))


def _in_tar(archive: tarfile.TarFile) -> Iterator[Packed]:
    for member in archive:
        # A file that stands there twice, under two names, is packed once and then as a link.
        if member.isfile() or member.islnk() or member.issym():
            yield Packed(_printable(member.name), member.size, partial(_from_tar, archive, member))
    _check_end(archive)


def _from_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"it is a link to {member.linkname}, which is no file")
    image = content.read(MAX_MEMBER + 1)
    if len(image) > MAX_MEMBER:
        raise tarfile.ReadError(f"{member.linkname} has more bytes than the limit of {MAX_MEMBER:,}")
    return image


def _printable(name: str) -> str:
    """A name that can be written as UTF-8, which the surrogates that tarfile makes of other bytes cannot."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _check_end(archive: tarfile.TarFile) -> None:
    """Check that the archive ends here: tarfile takes a damaged header for the end and silently drops the rest."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"there is no header of a member at byte {archive.offset:,}")


def _unpacked(file: Packed) -> bytes | Reason:
    if file.size > MAX_MEMBER:
        return unreadable(f"it has {file.size:,} bytes, more than the limit of {MAX_MEMBER:,}")
    try:
        return file.unpack()
    except Exception as error:  # noqa: BLE001 - zlib.error, lzma.LZMAError and others have no class in common
        return unreadable(f"it cannot be unpacked: {error}")


def _images(names: Iterable[str]) -> Iterator[Image]:
    before = Counter[str]()
    for place, name in enumerate(names):
        if name.lower().endswith(tuple(SUFFIXES)) and not is_hidden(name):
            yield Image(place, name, before[name])
            before[name] += 1


def find_archive(kind: str, where: Location, file: File) -> FoundInput:
    archive = Archive(kind, where.filesystem, where.path, where.shown)
    images = archive.images()
    if kind == "zip":
        tasks = [
            ReadTask(number, (size,), images[number * FILES_PER_SHARD :][:size])
            for number, size in enumerate(cut(len(images), FILES_PER_SHARD))
        ]
    else:
        # A tar file has no index, and a compressed one no middle: one task reads it from end to end.
        tasks = [ReadTask(0, cut(len(images), FILES_PER_SHARD), images)] if images else []
    return FoundInput(archive, tasks, fingerprint(kind, [file], FILES_PER_SHARD))
