"""The filesystem of a model store: the few operations that it needs, and errors that name the place."""

from __future__ import annotations

import hashlib
import os
import posixpath
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from pipelines.errors import StoreError
from pipelines.files import paths
from pipelines.files.remote import display_name, parse_location

CHUNK = 1 << 20
CLAIM = ".claim-"
PATIENCE_S = 60.0


class StoreLocation:
    """A folder on a filesystem. Paths are relative to it, with forward slashes."""

    def __init__(self, where: str | Path, filesystem: fs.FileSystem | None = None) -> None:
        if filesystem is not None:
            self._fs, self._root, self.name = filesystem, str(where), f"{filesystem.type_name}:{where}"
        elif "://" in str(where):
            place = parse_location(str(where))
            self._fs, self._root, self.name = place.filesystem, place.path, display_name(str(where))
        else:
            path = absolute_location(where)
            self._fs, self._root, self.name = fs.LocalFileSystem(), path, path

    def local(self, path: str) -> Path | None:
        return Path(self._full(path)) if isinstance(self._fs, fs.LocalFileSystem) else None

    def shown(self, path: str) -> str:
        return f"{self.name.rstrip('/')}/{path}"

    def folders(self, path: str = "") -> list[str]:
        return [name for name, info in self._listing(path, deep=False) if info.type == fs.FileType.Directory]

    def files(self, path: str) -> dict[str, int]:
        """The size of every file below `path`, by its name relative to it."""
        return {name: info.size for name, info in self._listing(path, deep=True) if info.type == fs.FileType.File}

    def read(self, path: str) -> bytes | None:
        with self.use("read"):
            try:
                with self._fs.open_input_stream(self._full(path)) as stream:
                    return stream.read()
            except FileNotFoundError:
                return None

    def chunks(self, path: str) -> Iterator[bytes]:
        with self.use("read"):
            yield from self._chunks(path)

    def sha256(self, path: str) -> str | None:
        """None if there is no such file, or no longer."""
        digest = hashlib.sha256()
        with self.use("read"):
            try:
                for chunk in self._chunks(path):
                    digest.update(chunk)
            except FileNotFoundError:
                return None
        return digest.hexdigest()

    def replace(self, path: str, content: bytes) -> None:
        """Whoever reads `path` meanwhile sees the old content or the new, never a part."""
        folder, _, name = path.rpartition("/")
        fresh = f"{folder}/.new-{name}-{uuid.uuid4().hex}"
        with self.use("written"):
            self._write(fresh, [content])
            self._fs.move(self._full(fresh), self._full(path))

    def bring(self, source: Path, path: str) -> dict[str, Any]:
        """Copy a local file here; its size and sha256 are of the very bytes that were written."""
        digest, size = hashlib.sha256(), 0

        def passing() -> Iterator[bytes]:
            nonlocal size
            with source.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk

        with self.use("written"):
            self._write(path, passing())
        return {"sha256": digest.hexdigest(), "size": size}

    @contextmanager
    def claimed(self, choose: Callable[[], str], rival: Callable[[str], bool]) -> Iterator[str]:
        """Hold the folder that `choose` names (it is asked before every attempt) while no other file there is a rival.

        No filesystem here can create a file only if it is absent. But everybody writes a claim before looking: of two
        claimants at least the later one sees the other, so two never both hold.
        """
        for _ in _attempts():
            folder = choose()
            claim = f"{CLAIM}{uuid.uuid4().hex}"
            with self._while_there(f"{folder}/{claim}"):
                rivals = [name for name in self.files(folder) if name != claim and rival(name)]
                if not rivals:
                    yield folder
                    return
        raise StoreError(
            f"Another process is writing to {self.shown(folder)}, or was killed while it did: try again later, "
            f"or, if none is, delete {rivals[0]} there."
        )

    @contextmanager
    def _while_there(self, claim: str) -> Iterator[None]:
        try:
            with self.use("written"):
                self._write(claim, [])
            yield
        except BaseException:
            with suppress(StoreError):  # it may not be there, and the first error is the one to tell
                self._delete(claim)
            raise
        self._delete(claim)

    def check_writable(self) -> None:
        with self.use("written"):
            probe = posixpath.join(self._nearest_folder(), f".probe-{uuid.uuid4().hex}")
            self._fs.open_output_stream(probe).close()
            self._fs.delete_file(probe)

    @contextmanager
    def use(self, purpose: str) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"The model store {self.name} cannot be {purpose}: {_reason(error)}. "
                "Check its path and permissions, or name another store, in INKRAY_STORE for example.",
                option="store",
            ) from error

    def _nearest_folder(self) -> str:
        """The store itself if it is remote, where a folder is but a prefix; else the nearest folder that exists."""
        if not isinstance(self._fs, fs.LocalFileSystem):
            self._fs.create_dir(self._root)
            return self._root
        path = Path(self._root)
        while self._fs.get_file_info(str(path)).type == fs.FileType.NotFound:
            path = path.parent
        return str(path)

    def _delete(self, path: str) -> None:
        with self.use("written"), suppress(FileNotFoundError):
            self._fs.delete_file(self._full(path))

    def _chunks(self, path: str) -> Iterator[bytes]:
        with self._fs.open_input_stream(self._full(path)) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def _write(self, path: str, chunks: Iterable[bytes]) -> None:
        full = self._full(path)
        self._fs.create_dir(full.rpartition("/")[0])
        with self._fs.open_output_stream(full) as stream:
            for chunk in chunks:
                stream.write(chunk)

    def _listing(self, path: str, deep: bool) -> list[tuple[str, fs.FileInfo]]:
        base = self._full(path)
        with self.use("read"):
            found = self._found(base, deep)
        # Some filesystems answer with a leading slash that the question did not have.
        skip = len(base.strip("/"))
        return [(info.path.strip("/")[skip:].strip("/"), info) for info in found]

    def _found(self, base: str, deep: bool) -> list[fs.FileInfo]:
        """What lies in the folder `base`; a folder that comes or goes meanwhile hides nothing but what lies in it."""
        try:
            return self._fs.get_file_info(fs.FileSelector(base, allow_not_found=True, recursive=deep))
        except FileNotFoundError:
            # It is raised nonetheless where a folder is not there to be listed, and is there when pyarrow looks why.
            if not deep:
                return []
            # The error does not say which folder it was, so each is listed by itself, slower if remote.
            return [each for info in self._found(base, deep=False) for each in self._with_all_below(info)]

    def _with_all_below(self, info: fs.FileInfo) -> list[fs.FileInfo]:
        below = self._found(info.path, deep=True) if info.type == fs.FileType.Directory else []
        return [info, *below]

    def _full(self, path: str) -> str:
        return posixpath.join(self._root, path) if path else self._root


def is_claim(name: str) -> bool:
    return name.startswith(CLAIM)


def _attempts() -> Iterator[None]:
    """One attempt at least, then others random and growing moments apart until PATIENCE_S is over."""
    deadline, pause = time.monotonic() + PATIENCE_S, 0.02
    while True:
        yield
        if time.monotonic() > deadline:
            return
        time.sleep(random.uniform(0, pause))
        pause = min(1.0, 2 * pause)


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.errno:
        return str(error).rstrip(".")
    return os.strerror(error.errno) + (f" ({error.filename})" if error.filename else "")


def absolute_location(where: str | Path) -> str:
    """The same place for a process with another working folder."""
    if "://" in str(where):
        return str(where)
    return str(paths.expanded(where))
