"""What was seen among the files of a place while they passed: they are too many to be looked at again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from pipelines.files.remote import File

SOME = 3
"""Names that are told where nothing was found that was looked for."""


class Seen:
    def __init__(self, suffixes: Collection[str]) -> None:
        self._suffixes = suffixes
        self.count = 0
        self.of_suffix = Counter[str]()
        self.first: list[str] = []

    def wanted(self, files: Iterable[File]) -> Iterator[File]:
        """The files with such suffixes, and dangling links, whose targets may have been such files."""
        for file in files:
            self.count += 1
            if len(self.first) < SOME:
                self.first.append(file.path)
            if file.suffix in self._suffixes:
                self.of_suffix[file.suffix] += 1
                yield file
            elif file.leads_nowhere:
                yield file

    def among(self, suffixes: Collection[str]) -> int:
        return sum(self.of_suffix[suffix] for suffix in suffixes)
