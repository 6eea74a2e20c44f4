"""Inputs of which some files can be read by themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pipelines.files.remote import File
from pipelines.labeling.inputs.base import Kept, ListedInput
from pipelines.labeling.inputs.spool import KeptFiles


class Files(Protocol):
    """Files in the order of their paths, which can be put down for a later start or update of the run."""

    def __iter__(self) -> Iterator[File]: ...

    def put_down(self, kept: Kept, name: str) -> None: ...


@dataclass(frozen=True)
class ByFile:
    """An input each of whose files has items of its own, so that some of the files can be read by themselves."""

    files: Files
    name: Callable[[File], str]
    """The source of the items of a file."""
    only: Callable[[KeptFiles], ListedInput]
    """The same input, of these files alone."""


class ListedByFile(ListedInput):
    @abstractmethod
    def by_file(self) -> ByFile | None:
        """None if its files cannot be told apart after all."""


def split_by_file(listed: ListedInput) -> ByFile | None:
    return listed.by_file() if isinstance(listed, ListedByFile) else None
