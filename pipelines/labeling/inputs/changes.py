"""What came, changed or went among the files of an input since a run has read them.

Both lists are in the order of their paths, so they are passed side by side, and neither is held.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.files.remote import File
from pipelines.labeling.inputs.base import Kept
from pipelines.labeling.inputs.spool import KeptFiles, Spool, kept_files


@dataclass
class FileChanges:
    files: Spool
    """Those that are new or changed."""
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("new", "changed", "unchanged", "gone")}


def compared(known: Iterable[File], listed: Iterable[File]) -> FileChanges:
    """A file with another size or time is changed; nothing is opened."""
    found = FileChanges(Spool())
    for before, now in side_by_side(known, listed):
        if now is None:
            found.gone += 1
        elif before == now:
            found.unchanged += 1
        else:
            found.files.add(now)
            if before is None:
                found.new += 1
            else:
                found.changed += 1
    found.files = found.files.end()
    return found


def known_files(kept: Kept, names: Sequence[str]) -> Iterator[File]:
    """The files of these lists in order, each as the latest list that has it does."""
    lists = (_ranked(kept_files(kept, name), -number) for number, name in enumerate(names))
    last = None
    for path, _, file in heapq.merge(*lists):
        if path != last:
            yield file
        last = path


def side_by_side(known: Iterable[File], listed: Iterable[File]) -> Iterator[tuple[File | None, File | None]]:
    """The files of both, by their paths; None where one has no such file."""
    first, second = iter(known), iter(listed)
    one, other = next(first, None), next(second, None)
    while one or other:
        if one and (other is None or one.path < other.path):
            yield one, None
            one = next(first, None)
        elif other and (one is None or other.path < one.path):
            yield None, other
            other = next(second, None)
        else:
            yield one, other
            one, other = next(first, None), next(second, None)


def _ranked(files: KeptFiles, rank: int) -> Iterator[tuple[str, int, File]]:
    return ((file.path, rank, file) for file in files)
