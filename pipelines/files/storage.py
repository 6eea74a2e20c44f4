"""Where results lie: files by name in a folder of this machine or in an object store, each written whole or not at all.

Names are relative, with forward slashes. A `Storage` travels to tasks and actors, and is opened where it is used.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipelines.files.atomic import DRAFT, write_atomic
from pipelines.files.locks import locked

Content = bytes | Iterable[bytes]
"""The bytes of a file, or pieces of it that need not fit into memory together."""


class Storage(ABC):
    shown: str
    """The name of the place in messages, without any password."""

    @abstractmethod
    def put(self, name: str, content: Content) -> None:
        """Write a file, or replace it."""

    @abstractmethod
    def put_new(self, name: str, content: bytes) -> None:
        """Write a file unless it is there; what is there stays."""

    @abstractmethod
    def get(self, name: str) -> bytes | None: ...

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def names(self, folder: str = "") -> list[str]:
        """What lies in the folder itself, files and folders, sorted; nothing where there is no such folder."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it; one that is not there is no error."""

    @abstractmethod
    def locked(self, name: str) -> AbstractContextManager[None]:
        """Hold the file by this name; `HeldByAnother` if another process has it."""

    @abstractmethod
    def check_locked(self) -> None:
        """Raise an error if the lock was lost since."""

    @abstractmethod
    def clear_drafts(self, *folders: str) -> None:
        """Remove what processes that were killed had not finished writing into these folders."""

    @abstractmethod
    def for_tables(self, folder: str) -> tuple[str, dict[str, str]]:
        """The place of a folder and how it is opened, as libraries of tables take it; it may hold passwords."""

    @abstractmethod
    def scratch(self, name: str) -> AbstractContextManager[Path | None]:
        """An empty folder for what need not last; None if the place is not on this machine."""


class LocalStorage(Storage):
    def __init__(self, folder: Path) -> None:
        self.folder, self.shown = folder, str(folder)

    def put(self, name: str, content: Content) -> None:
        write_atomic(self._with_parents(name), content)

    def put_new(self, name: str, content: bytes) -> None:
        # Two at the same moment are a task that was given up and its successor, which write the same.
        if not self.exists(name):
            self.put(name, content)

    def get(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, name: str) -> bool:
        return (self.folder / name).exists()

    def names(self, folder: str = "") -> list[str]:
        try:
            return sorted(path.name for path in (self.folder / folder).iterdir())
        except FileNotFoundError:
            return []

    def delete(self, name: str) -> None:
        path = self.folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        with locked(self._with_parents(name), wait=False):
            yield

    def check_locked(self) -> None:
        return  # it is lost with its process alone

    def clear_drafts(self, *folders: str) -> None:
        for folder in folders:
            for name in self.names(folder):
                if DRAFT.fullmatch(name):
                    (self.folder / folder / name).unlink(missing_ok=True)

    def for_tables(self, folder: str) -> tuple[str, dict[str, str]]:
        return str(self.folder / folder), {}

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder

    def _with_parents(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
