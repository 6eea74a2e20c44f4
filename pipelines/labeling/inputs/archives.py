"""Images in a zip or a tar file. A damaged member is an item with a reason, a damaged archive is an error."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from pyarrow import fs

from pipelines.errors import DataError
from pipelines.labeling.inputs.base import ALL, FILES_IN_PART, Found, Input, Items, Stretch, cut, decoded
from pipelines.labeling.inputs.pictures import SUFFIXES
from pipelines.labeling.inputs.places import File, Where, fingerprint

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
"""Bytes of one image, unpacked; more is a bomb or a mistake."""


class Archive(Input[Items]):
    def __init__(self, kind: str, filesystem: fs.FileSystem, path: str, shown: str) -> None:
        self.kind, self._filesystem, self._path, self._shown = kind, filesystem, path, shown

    def names(self) -> list[str]:
        """The images in it, in the order in which they lie there."""
        try:
            with self._open() as stream:
                if self.kind == "zip":
                    with zipfile.ZipFile(stream) as archive:
                        names = [member.filename for member in archive.infolist() if not member.is_dir()]
                else:
                    with tarfile.open(fileobj=stream) as archive:
                        names = [member.name for member in archive if member.isfile()]
                        _check_end(archive)
        except BROKEN as error:
            raise DataError(f"{self._shown} cannot be read as a {self.kind} file: {error}.") from error
        return [name for name in names if _is_image(name)]

    def read(self, stretch: Stretch, wanted: Collection[int], only: slice = ALL) -> Iterator[Items]:
        """Members have no number of their own that a person could look up, so each one's source is its name."""
        with self._open() as stream, self._members(stream) as unpack:
            start = 0
            for part, size in zip(stretch.parts, stretch.sizes, strict=True):
                names = stretch.what[start : start + size]
                start += size
                if part in wanted:
                    sources = [f"{self._shown}!{name}" for name in names[only]]
                    yield decoded(part, sources, np.zeros(len(sources), np.int64), map(unpack, names[only]))

    def name(self, stretch: Stretch, part: int, index: int) -> tuple[str, int]:
        return f"{self._shown}!{stretch.what[stretch.before(part) + index]}", 0

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        with self._filesystem.open_input_file(self._path) as file:
            yield io.BufferedReader(file, 1 << 20)

    @contextmanager
    def _members(self, stream: IO[bytes]) -> Iterator[Any]:
        if self.kind == "zip":
            with zipfile.ZipFile(stream) as archive:
                yield lambda name: _unpacked(archive.getinfo(name).file_size, lambda: archive.read(name))
        else:
            with tarfile.open(fileobj=stream) as tar:
                members = {member.name: member for member in tar if member.isfile()}

                def unpack(name: str) -> bytes:
                    content = tar.extractfile(members[name])
                    assert content is not None  # it is a regular file
                    return content.read()

                yield lambda name: _unpacked(members[name].size, lambda: unpack(name))


def _check_end(archive: tarfile.TarFile) -> None:
    """tarfile takes a damaged header for the end, and what follows would be lost in silence."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"there is no header of a member at byte {archive.offset:,}")


def _unpacked(size: int, unpack: Any) -> bytes | str:
    if size > MAX_MEMBER:
        return f"it has {size:,} bytes, more than the limit of {MAX_MEMBER:,}"
    try:
        return unpack()
    except Exception as error:  # noqa: BLE001 - zlib.error, lzma.LZMAError and others have no class in common
        return f"it cannot be unpacked: {error}"


def _is_image(name: str) -> bool:
    return any(name.lower().endswith(suffix) for suffix in SUFFIXES) and not name.rpartition("/")[2].startswith(".")


def find_archive(kind: str, where: Where, file: File) -> Found:
    archive = Archive(kind, where.filesystem, where.path, where.shown)
    names = archive.names()
    if kind == "zip":
        stretches = [
            Stretch(number, (size,), names[number * FILES_IN_PART :][:size])
            for number, size in enumerate(cut(len(names), FILES_IN_PART))
        ]
    else:
        # A tar file has no index, and a compressed one no middle: one task reads it from end to end.
        stretches = [Stretch(0, cut(len(names), FILES_IN_PART), names)] if names else []
    return Found(archive, stretches, fingerprint(kind, [file], FILES_IN_PART))
