"""The pages of a folder of scans, and how a task reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
from pyarrow import fs

from pipelines.errors import DataError, UsageError
from pipelines.forms.paper.pages import count_pages
from pipelines.forms.prepared import PreparedPage
from pipelines.forms.reading import failed_page, prepare_page, reason_of
from pipelines.forms.template import Template
from pipelines.labeling.inputs.base import ALL, Found, Input, Stretch, cut
from pipelines.labeling.inputs.pictures import SUFFIXES
from pipelines.labeling.inputs.places import File, Where, fingerprint, list_files, parse, read_file

LEAST_DPI, MOST_DPI = 75, 600
MANY_PAGED = frozenset({".pdf", ".tif", ".tiff"})
SCANS = SUFFIXES | MANY_PAGED
MOST_IN_PART = 20
"""Few enough to show how a run goes, and to lose little when a process dies."""
PARTS = 16
"""A small run is cut at least into so many, for all cores to have some."""
LOOKING_AT_ONCE = 16
"""Files of which the pages are counted at the same time."""


class Place(NamedTuple):
    path: str
    number: int
    """Of the page in its file, from 0."""
    reason: str | None = None
    """Why the file cannot be opened at all."""


@dataclass(frozen=True)
class PreparedPart:
    part: int
    pages: tuple[PreparedPage, ...]

    def __len__(self) -> int:
        return len(self.pages)


class Pages(Input[PreparedPart]):
    kind = "scans"

    def __init__(self, filesystem: fs.FileSystem, prefix: str, templates: Sequence[Template], dpi: int) -> None:
        self._filesystem, self._prefix, self._templates, self._dpi = filesystem, prefix, templates, dpi

    def read(self, stretch: Stretch, wanted: Collection[int], only: slice = ALL) -> Iterator[PreparedPart]:
        if stretch.first in wanted:
            # There are as many tasks as cores; more threads would only wait for each other.
            cv2.setNumThreads(1)
            yield PreparedPart(stretch.first, tuple(self._prepared(stretch.what[only])))

    def name(self, stretch: Stretch, part: int, index: int) -> tuple[str, int]:
        place: Place = stretch.what[index]
        return self._prefix + place.path, place.number + 1

    def _prepared(self, places: Sequence[Place]) -> Iterator[PreparedPage]:
        """One page after the other, so that never more than one is held in its full size."""
        path: str | None = None
        content: bytes | str = b""
        for place in places:
            if place.path != path:
                path = place.path
                content = place.reason or read_file(self._filesystem, path)
            source = self._prefix + place.path
            if isinstance(content, str):
                yield failed_page(source, place.number + 1, content)
            else:
                yield prepare_page(content, source, place.number, self._templates, self._dpi)


def find_pages(place: str, templates: Sequence[Template], dpi: int, output: Path | None = None) -> Found:
    where = parse(place)
    files = list_files(where, output)
    scans = [file for file in files if file.suffix in SCANS]
    if not scans:
        raise UsageError(_nothing(where, files))
    with ThreadPoolExecutor(LOOKING_AT_ONCE) as pool:
        places = [place for found in pool.map(partial(_places, where.filesystem), scans) for place in found]
    size = max(1, min(MOST_IN_PART, len(places) // PARTS))
    starts = range(0, len(places), size)
    stretches = [
        Stretch(number, (length,), places[start : start + length])
        for number, (start, length) in enumerate(zip(starts, cut(len(places), size), strict=True))
    ]
    other = len(files) - len(scans)
    remarks = (f"{other:,} files are no scans by their names and are left out",) if other else ()
    pages = Pages(where.filesystem, where.prefix, templates, dpi)
    return Found(pages, stretches, fingerprint("scans", scans, size, dpi), remarks)


def _nothing(where: Where, files: Sequence[File]) -> str:
    expected = "expected scans (png, jpeg, tiff, bmp, webp, pdf)"
    if not files:
        return f"{where.shown} holds no files; {expected}."
    some = ", ".join(file.path.rpartition("/")[2] for file in files[:3])
    return f"{where.shown} holds no scans among its {len(files):,} files ({some}...); {expected}."


def _places(filesystem: fs.FileSystem, file: File) -> list[Place]:
    """The pages of a file. One that cannot be opened is one page, which gets the row that says why."""
    if file.suffix not in MANY_PAGED:
        return [Place(file.path, 0)]
    content = read_file(filesystem, file.path)
    if isinstance(content, str):
        return [Place(file.path, 0, content)]
    try:
        return [Place(file.path, number) for number in range(count_pages(content, file.path))]
    except DataError as error:
        return [Place(file.path, 0, reason_of(error, file.path))]
