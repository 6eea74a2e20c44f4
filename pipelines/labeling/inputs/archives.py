"""Images in a zip or a tar file. A damaged member is an item with a reason, a damaged archive is an error."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from pyarrow import fs

from pipelines.errors import DataError
from pipelines.files.paths import printable
from pipelines.files.reading import changed_since, open_anywhere
from pipelines.files.remote import File, Location, fingerprint, is_hidden
from pipelines.inference.outcome import Reason
from pipelines.labeling.inputs.base import (
    ALL,
    FILES_PER_SHARD,
    KIND,
    FoundInput,
    Input,
    Items,
    Kept,
    ListedInput,
    ReadTask,
    Ready,
    Spread,
    cut,
    decoded,
    not_empty,
    reason_of,
    unread,
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
PIECE = 1 << 20
LARGE = 256 << 20
"""Bytes of an archive in which the driver counts the images itself; of a larger one a task does."""


class Packed(NamedTuple):
    name: str
    size: int
    unpack: Callable[[], bytes]


class Image(NamedTuple):
    file: Packed
    number: int
    """The number of earlier files of the same name."""


@dataclass(frozen=True)
class Place:
    """An archive as it was listed."""

    kind: str
    filesystem: fs.FileSystem = field(compare=False)
    file: File
    shown: str


class Archive(Input[Items]):
    def __init__(self, place: Place) -> None:
        self.kind, self._place = place.kind, place

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[Items]:
        changed = changed_since(self._place.filesystem, self._place.file)
        for shard in sorted(set(task.shards) & set(pending)):
            start = task.payload + task.before(shard)
            items = range(start, start + task.size(shard))[only]
            if changed and changed.changed:
                # What was in it is known no more.
                yield unread(shard, self._place.shown, np.array(items, np.int64), reason_of(changed))
                continue
            images = _images_of(self._place)[items.start : items.stop]
            sources = [f"{self._place.shown}!{image.file.name}" for image in images]
            numbers = np.array([image.number for image in images], np.int64)
            yield decoded(shard, sources, numbers, (_unpacked(image.file) for image in images))

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        place = task.payload + task.before(shard) + index
        changed = changed_since(self._place.filesystem, self._place.file)
        if changed and changed.changed:
            return self._place.shown, place
        image = _images_of(self._place)[place]
        return f"{self._place.shown}!{image.file.name}", image.number


@lru_cache(maxsize=1)
def _images_of(place: Place) -> list[Image]:
    """The images in the order of the archive, which stays open.

    Kept by each process from task to task: to read the directory of a zip file costs more than to unpack a part of it.
    """
    try:
        stream = io.BufferedReader(open_anywhere(place.filesystem, place.file.path), 1 << 20)
        opened = zipfile.ZipFile(stream) if place.kind == "zip" else tarfile.open(fileobj=stream)  # noqa: SIM115
        return list(_images(_in_zip(opened) if isinstance(opened, zipfile.ZipFile) else _in_tar(opened)))
    except BROKEN as error:
        raise DataError(f"{place.shown} cannot be read as a {place.kind} file: {error}.") from error


def _in_zip(archive: zipfile.ZipFile) -> Iterator[Packed]:
    for member in archive.infolist():
        if not member.is_dir():
            yield Packed(member.filename, member.file_size, partial(archive.read, member))


def _in_tar(archive: tarfile.TarFile) -> Iterator[Packed]:
    for member in archive:
        # A file that stands there twice, under two names, is packed once and then as a link.
        if member.isfile() or member.islnk() or member.issym():
            yield Packed(printable(member.name), member.size, partial(_from_tar, archive, member))
    _check_end(archive)


def _from_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"it is a link to {member.linkname}, which is no file")
    image = content.read(MAX_MEMBER + 1)
    if len(image) > MAX_MEMBER:
        raise tarfile.ReadError(f"{member.linkname} has more bytes than the limit of {MAX_MEMBER:,}")
    return image


def _check_end(archive: tarfile.TarFile) -> None:
    """Check that the archive ends here: tarfile takes a damaged header for the end and silently drops the rest."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"there is no header of a member at byte {archive.offset:,}")
    # What was packed has a checksum at its very end, which is compared only by whoever reads as far.
    while archive.fileobj.read(PIECE):
        pass


def _unpacked(file: Packed) -> bytes | Reason:
    if file.size > MAX_MEMBER:
        return unreadable(f"it has {file.size:,} bytes, more than the limit of {MAX_MEMBER:,}")
    try:
        return file.unpack()
    except Exception as error:  # noqa: BLE001 - zlib.error, lzma.LZMAError and others have no class in common
        return unreadable(f"it cannot be unpacked: {error}")


def _images(files: Iterable[Packed]) -> Iterator[Image]:
    before = Counter[str]()
    for file in files:
        if file.name.lower().endswith(tuple(SUFFIXES)) and not is_hidden(file.name):
            yield Image(file, before[file.name])
            before[file.name] += 1


@dataclass(frozen=True)
class ListedArchive(ListedInput):
    """An archive so large that a task counts what is in it: its directory may take minutes, and much memory."""

    place: Place

    @property
    def preparation(self) -> str | None:  # type: ignore[override]
        return f"counting the images in the {self.place.kind} file"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.place.kind, [self.place.file], FILES_PER_SHARD)

    @property
    def settings(self) -> dict[str, object]:
        return {KIND: self.place.kind}

    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        name = f"{self.fingerprint}/images.json"
        content = kept.get(name)
        if content is None:
            [count] = spread(count_images, [self.place])
            content = json.dumps(count).encode()
            kept.put(name, content)
        return self.cut(json.loads(content))

    def cut(self, count: int) -> FoundInput:
        sizes = cut(count, FILES_PER_SHARD)
        if self.place.kind == "zip":
            tasks = [ReadTask(number, (size,), number * FILES_PER_SHARD) for number, size in enumerate(sizes)]
        else:
            # A tar file has no index, and a compressed one no middle: one task reads it from end to end.
            tasks = [ReadTask(0, sizes, 0)] if sizes else []
        return not_empty(FoundInput(Archive(self.place), tasks, self.fingerprint), self.place.shown)


def count_images(place: Place) -> int:
    count = len(_images_of(place))
    _images_of.cache_clear()
    return count


def list_archive(kind: str, where: Location, file: File) -> ListedInput:
    listed = ListedArchive(Place(kind, where.filesystem, file, where.shown))
    return listed if file.size > LARGE else Ready(listed.cut(count_images(listed.place)))
