"""The pages of a folder of scans, and how a task reads them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import cv2
from pyarrow import fs

from pipelines.documents.limits import Limits
from pipelines.documents.pool import DocumentPool, shared_pool
from pipelines.errors import DataError, UsageError
from pipelines.files.paths import printable
from pipelines.files.reading import read_file
from pipelines.files.remote import File, Location, fingerprint, list_files, of_kind, parse_location
from pipelines.forms.fields import PreparedPage
from pipelines.forms.pipeline import failed_page, prepare_page, reason_of
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason
from pipelines.labeling.inputs.base import ALL, FoundInput, Input, ReadTask, bytes_or_reason, cut
from pipelines.labeling.inputs.image_files import SUFFIXES

LEAST_DPI, MOST_DPI = 75, 600
MANY_PAGED = frozenset({".pdf", ".tif", ".tiff"})
SCANS = SUFFIXES | MANY_PAGED
MAX_PAGES_PER_SHARD = 20
"""Few enough to show progress, and to lose little when a process dies."""
MIN_SHARDS = 16
"""Minimum shards of a small run, so that all cores get some."""
FILES_AT_ONCE = 16
"""Files whose pages are counted at the same time."""


class PageLocation(NamedTuple):
    file: File
    number: int
    """Number of the page in its file, from 0."""
    reason: Reason | None = None
    """Why the file cannot be opened at all."""


@dataclass(frozen=True)
class PreparedShard:
    shard: int
    pages: tuple[PreparedPage, ...]

    def __len__(self) -> int:
        return len(self.pages)


class Pages(Input[PreparedShard]):
    kind = "scans"

    def __init__(self, filesystem: fs.FileSystem, prefix: str, templates: Sequence[Template], limits: Limits) -> None:
        self._filesystem, self._prefix, self._templates, self._limits = filesystem, prefix, templates, limits

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[PreparedShard]:
        if task.first in pending:
            # There are as many tasks as cores; more threads would only wait for each other.
            cv2.setNumThreads(1)
            yield PreparedShard(task.first, tuple(self._prepared(task.payload[only])))

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        place: PageLocation = task.payload[index]
        return printable(self._prefix + place.file.path), place.number + 1

    def _prepared(self, places: Sequence[PageLocation]) -> Iterator[PreparedPage]:
        """Prepare page by page, so that only one is held in its full size."""
        for file, pages in groupby(places, attrgetter("file")):
            yield from self._of_file(file, list(pages))

    def _of_file(self, file: File, pages: Sequence[PageLocation]) -> Iterator[PreparedPage]:
        source = printable(self._prefix + file.path)
        content = pages[0].reason or bytes_or_reason(read_file(self._filesystem, file))
        if isinstance(content, Reason):
            yield from (failed_page(source, page.number + 1, content) for page in pages)
            return
        try:
            with shared_pool(self._limits).open(content, source) as document:
                _check_name(file, source, len(document))
                yield from (prepare_page(document, source, page.number, self._templates) for page in pages)
        except DataError as error:
            yield from (failed_page(source, page.number + 1, reason_of(error, source)) for page in pages)


def _check_name(file: File, source: str, pages: int) -> None:
    """Refuse what its name tells to be a single page, since the others would be left out without a word."""
    if file.suffix not in MANY_PAGED and pages > 1:
        raise DataError(
            f"{source}: the file has {pages:,} pages, though {file.suffix or 'its name'} tells of one; save each as a "
            "file of its own, or all as a TIFF or PDF."
        )


def find_pages(place: str, templates: Sequence[Template], limits: Limits, output: Path | None = None) -> FoundInput:
    where = parse_location(place)
    files = list_files(where, output)
    scans = of_kind(files, SCANS)
    if not scans:
        raise UsageError(_nothing(where, files))
    places = list(_count_pages(where.filesystem, scans, limits))
    size = max(1, min(MAX_PAGES_PER_SHARD, len(places) // MIN_SHARDS))
    starts = range(0, len(places), size)
    tasks = [
        ReadTask(number, (length,), places[start : start + length])
        for number, (start, length) in enumerate(zip(starts, cut(len(places), size), strict=True))
    ]
    other = len(files) - len(scans)
    remarks = (f"{other:,} files are no scans by their names and are left out",) if other else ()
    pages = Pages(where.filesystem, where.prefix, templates, limits)
    return FoundInput(pages, tasks, fingerprint("scans", scans, size, limits.dpi), remarks)


def _nothing(where: Location, files: Sequence[File]) -> str:
    expected = "expected scans (png, jpeg, tiff, bmp, webp, pdf)"
    if not files:
        return f"{where.shown} holds no files; {expected}."
    some = ", ".join(file.path.rpartition("/")[2] for file in files[:3])
    return f"{where.shown} holds no scans among its {len(files):,} files ({some}...); {expected}."


def _count_pages(filesystem: fs.FileSystem, scans: Sequence[File], limits: Limits) -> Iterator[PageLocation]:
    """The pages of every file, in order."""
    with ThreadPoolExecutor(FILES_AT_ONCE) as threads, DocumentPool(os.cpu_count() or 1, limits) as documents:
        try:
            for places in threads.map(partial(_places, filesystem, documents), scans):
                yield from places
        except BaseException:
            # An interrupt must not wait for the files that are still to be counted.
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _places(filesystem: fs.FileSystem, documents: DocumentPool, file: File) -> list[PageLocation]:
    """The pages of a file. A file that cannot be opened counts as one page, whose row has the reason."""
    if file.suffix not in MANY_PAGED:
        return [PageLocation(file, 0)]
    content = bytes_or_reason(read_file(filesystem, file))
    if isinstance(content, Reason):
        return [PageLocation(file, 0, content)]
    try:
        with documents.open(content, file.path) as document:
            return [PageLocation(file, number) for number in range(len(document))]
    except DataError as error:
        return [PageLocation(file, 0, reason_of(error, file.path))]
