"""The pages of a folder of scans, and how a task reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import cv2
import pyarrow as pa

from pipelines.documents.limits import Limits
from pipelines.documents.pool import shared_pool
from pipelines.errors import DataError, UsageError
from pipelines.files.listing import list_files
from pipelines.files.paths import printable
from pipelines.files.remote import File, Location, parse_location
from pipelines.forms.fields import PreparedPage
from pipelines.forms.pipeline import failed_page, prepare_page, reason_of
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason
from pipelines.labeling.forms.page_counts import MANY_PAGED, SINGLE, PageCounts, count_pages
from pipelines.labeling.inputs.base import (
    ALL,
    KIND,
    FoundInput,
    Input,
    Kept,
    ListedInput,
    ReadTask,
    Spread,
    cut,
)
from pipelines.labeling.inputs.by_file import ByFile, ListedByFile
from pipelines.labeling.inputs.finding import find_uris
from pipelines.labeling.inputs.image_files import SUFFIXES
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS
from pipelines.labeling.inputs.listing import Listing
from pipelines.labeling.inputs.seen import Seen
from pipelines.labeling.inputs.sources import FileSource, OnFilesystem, contents
from pipelines.labeling.inputs.spool import KeptFiles, Spool, spooled
from pipelines.labeling.inputs.uris import ByUri, UriTables, column_of

LEAST_DPI, MOST_DPI = 75, 600
SCANS = SUFFIXES | MANY_PAGED
MAX_PAGES_PER_SHARD = 20
"""Few enough to show progress, and to lose little when a process dies."""
MIN_SHARDS = 16
"""Minimum shards of a small run, so that all cores get some."""
MANY = 1_000
"""Scans whose counting takes so long that a person should know of it."""
SHARDS_PER_TASK = 16
"""Shards that one task reads where there are so many files that tasks do not name them."""


class PageLocation(NamedTuple):
    file: File
    number: int
    """Number of the page in its file, from 0."""
    reason: Reason | None = None
    """Why the file cannot be opened at all."""
    place: int = 0
    """That of the file in its piece of the list."""


class PagesOfPiece(NamedTuple):
    """Consecutive pages of the files of a piece of the list."""

    piece: int
    start: int
    end: int


@dataclass(frozen=True)
class PreparedShard:
    shard: int
    pages: tuple[PreparedPage, ...]
    kept: pa.Table | None = None
    """The columns that are kept of what names the scans, with a row for each page."""

    def __len__(self) -> int:
        return len(self.pages)


@dataclass(frozen=True)
class ListedPages:
    """The files of a long list and the pages that each has, as the run keeps them."""

    listing: Listing = field(compare=False)
    kept: Kept = field(compare=False)
    name: str
    """The fingerprint of the input."""

    def piece(self, number: int) -> list[PageLocation]:
        content = self.kept.get(counts_name(self.name, number))
        if content is None:
            raise DataError(f"The count of pages {number} that the run keeps in its output is gone; start it afresh.")
        return locations(self.listing.piece(number), PageCounts.from_bytes(content))


@lru_cache(maxsize=1)
def _piece(pages: ListedPages, number: int) -> list[PageLocation]:
    return pages.piece(number)


def locations(files: Sequence[File], counts: PageCounts) -> list[PageLocation]:
    return [
        PageLocation(file, number, counts.reasons.get(index), index)
        for index, (file, count) in enumerate(zip(files, counts.counts, strict=True))
        for number in range(count)
    ]


def counts_name(name: str, piece: int) -> str:
    return f"{name}/pages-{piece:06d}.json"


class Pages(Input[PreparedShard]):
    kind = "scans"

    def __init__(
        self, source: FileSource, listed: ListedPages | None, templates: Sequence[Template], limits: Limits
    ) -> None:
        self._source, self._listed, self._templates, self._limits = source, listed, templates, limits

    def read(self, task: ReadTask, pending: Collection[int], only: slice = ALL) -> Iterator[PreparedShard]:
        # There are as many tasks as cores; more threads would only wait for each other.
        cv2.setNumThreads(1)
        for shard in sorted(set(task.shards) & set(pending)):
            places = self._places(task, shard)[only]
            yield PreparedShard(shard, tuple(self._prepared(places)), self._kept(task, places))

    def name(self, task: ReadTask, shard: int, index: int) -> tuple[str, int]:
        place = self._places(task, shard)[index]
        return self._source.name(place.file), place.number + 1

    def kept(self, task: ReadTask, shard: int, index: int) -> pa.Table | None:
        return self._kept(task, self._places(task, shard)[index : index + 1])

    def _kept(self, task: ReadTask, places: Sequence[PageLocation]) -> pa.Table | None:
        if self._listed is None:
            return None
        first = places[0].place
        kept = self._listed.listing.columns_of(task.payload.piece, first, places[-1].place + 1)
        return None if kept is None else kept.take([one.place - first for one in places])

    def _places(self, task: ReadTask, shard: int) -> list[PageLocation]:
        chosen: list[PageLocation] | PagesOfPiece = task.payload
        if isinstance(chosen, PagesOfPiece):
            assert self._listed is not None
            chosen = _piece(self._listed, chosen.piece)[chosen.start : chosen.end]
        start = task.before(shard)
        return chosen[start : start + task.size(shard)]

    def _prepared(self, places: Sequence[PageLocation]) -> Iterator[PreparedPage]:
        """Prepare page by page, so that only one is held in its full size."""
        by_file = [(file, list(pages)) for file, pages in groupby(places, attrgetter("file"))]
        readable = [file for file, pages in by_file if pages[0].reason is None]
        read = contents(self._source, readable)
        for file, pages in by_file:
            yield from self._of_file(file, pages, pages[0].reason or next(read))

    def _of_file(self, file: File, pages: Sequence[PageLocation], content: bytes | Reason) -> Iterator[PreparedPage]:
        source = self._source.name(file)
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
    if file.suffix in SINGLE and pages > 1:
        raise DataError(
            f"{source}: the file has {pages:,} pages, though {file.suffix} tells of one; save each as a file of its "
            "own, or all as a TIFF or PDF."
        )


@dataclass(frozen=True)
class ListedScans(ListedByFile):
    source: FileSource
    files: Spool | KeptFiles | UriTables
    templates: tuple[Template, ...]
    limits: Limits
    remarks: tuple[str, ...] = ()
    columns: pa.Schema = NO_COLUMNS

    @property
    def preparation(self) -> str | None:  # type: ignore[override]
        return f"counting the pages of {self.files.count:,} scans" if self.files.count > MANY else None

    @property
    def fingerprint(self) -> str:
        return self.files.fingerprint("scans", MAX_PAGES_PER_SHARD, MIN_SHARDS, self.limits.dpi)

    @property
    def settings(self) -> dict[str, object]:
        return {KIND: "scans", "dpi": self.limits.dpi, **column_of(self.files)}

    def by_file(self) -> ByFile | None:
        # What a table names is in no order, and has no size or time before it is read.
        if isinstance(self.files, UriTables):
            return None
        return ByFile(self.files, self.source.name, self._only)

    def _only(self, files: KeptFiles) -> ListedScans:
        return replace(self, files=files)

    def found(self, kept: Kept, spread: Spread) -> FoundInput:
        name = self.fingerprint
        totals = [self._counts(piece, kept, spread).total for piece in range(len(self.files.sizes))]
        size = max(1, min(MAX_PAGES_PER_SHARD, sum(totals) // MIN_SHARDS))
        listing = self.files.keep(kept, name)
        listed = ListedPages(listing, kept, name) if listing else None
        tasks = _tasks_of_long_list(totals, size) if listed else self._tasks_of_short_list(size, kept, spread)
        pages = Pages(self.source, listed, self.templates, self.limits)
        return FoundInput(pages, list(tasks), name, self.remarks)

    def _counts(self, piece: int, kept: Kept, spread: Spread) -> PageCounts:
        name = counts_name(self.fingerprint, piece)
        there = kept.get(name)
        if there is not None:
            return PageCounts.from_bytes(there)
        counts = count_pages(self.source, self.limits, self.files.piece(piece), spread)
        kept.put(name, counts.to_bytes())
        return counts

    def _tasks_of_short_list(self, size: int, kept: Kept, spread: Spread) -> Iterator[ReadTask]:
        places = locations(self.files.piece(0), self._counts(0, kept, spread))
        for number, start in enumerate(range(0, len(places), size)):
            some = places[start : start + size]
            yield ReadTask(number, (len(some),), some)


def _tasks_of_long_list(totals: Sequence[int], size: int) -> Iterator[ReadTask]:
    shard = 0
    for piece, total in enumerate(totals):
        step = size * SHARDS_PER_TASK
        for start in range(0, total, step):
            end = min(start + step, total)
            sizes = cut(end - start, size)
            yield ReadTask(shard, sizes, PagesOfPiece(piece, start, end))
            shard += len(sizes)


def list_scans(
    place: str,
    templates: Sequence[Template],
    limits: Limits,
    output: Path | None = None,
    uri_column: str | None = None,
    keep: Sequence[str] = (),
) -> ListedInput:
    where = parse_location(place)
    if uri_column is not None:
        named = find_uris(where, uri_column, output, keep)
        about = (f"scans that the column {uri_column!r} names",)
        return ListedScans(ByUri(named.source), named, tuple(templates), limits, about, named.columns)
    if keep:
        raise UsageError(
            f"Columns such as {keep[0]!r} are kept of a table that names the scans; say which of its columns does.",
            option="uri_column",
        )
    seen = Seen(SCANS)
    files = spooled(seen.wanted(list_files(where, output)))
    if not files.count:
        raise UsageError(_nothing(where, seen))
    other = seen.count - files.count
    remarks = (f"{other:,} files are no scans by their names and are left out",) if other else ()
    return ListedScans(OnFilesystem(where.filesystem, where.prefix), files, tuple(templates), limits, remarks)


def _nothing(where: Location, seen: Seen) -> str:
    expected = "expected scans (png, jpeg, tiff, bmp, webp, pdf)"
    if not seen.count:
        return f"{where.shown} holds no files; {expected}."
    some = ", ".join(printable(path.rpartition("/")[2]) for path in seen.first)
    return f"{where.shown} holds no scans among its {seen.count:,} files ({some}...); {expected}."
