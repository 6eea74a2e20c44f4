"""What is read of the items of a stream, with the code that reads in bulk: digits, or forms of some pages each."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from pipelines.documents.limits import Limits
from pipelines.documents.pool import shared_pool
from pipelines.errors import DataError
from pipelines.files.paths import printable
from pipelines.forms.fields import PreparedPage
from pipelines.forms.pipeline import failed_page, prepare_page, reason_of
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason, Status, reason_columns
from pipelines.labeling.capacity import Needs
from pipelines.labeling.digits.workload import DigitWorkload
from pipelines.labeling.forms.pages import MAX_PAGES_PER_SHARD, SCANS, PreparedShard
from pipelines.labeling.forms.workload import FormWorkload
from pipelines.labeling.inputs.base import decoded
from pipelines.labeling.inputs.image_files import SUFFIXES
from pipelines.labeling.workload import Labeler, ReaderConfig, Workload
from pipelines.streaming.sink import STREAM_COLUMNS
from pipelines.streaming.source import Arrival

Content = bytes | Reason
READ_AT_ONCE = 16
"""Items that are read at a time where reading is waiting."""


class ItemReader(Protocol):
    """Lives in an actor."""

    def read(self, names: Sequence[str], contents: Sequence[Content]) -> tuple[pa.Table, Sequence[int]]:
        """The rows of these items in their order, and how many each has."""
        ...


class Work(ABC):
    """A kind of work. It is small, since every actor gets a copy."""

    workload: Workload[Any]
    suffixes: frozenset[str]
    """What files are wanted, by their names."""
    batch: int
    """The most items that are read together."""
    needs = Needs(most_threads=1)
    fields: tuple[str, ...] = ()
    """What has a column of its own in tables for spreadsheets."""

    @abstractmethod
    def reader(self, config: ReaderConfig) -> ItemReader: ...


class DigitWork(Work):
    suffixes, batch = SUFFIXES, 512

    def __init__(self, workload: DigitWorkload | None = None) -> None:
        self.workload = workload or DigitWorkload()

    def reader(self, config: ReaderConfig) -> ItemReader:
        return DigitReader(self.workload.labeler(config))


@dataclass(frozen=True)
class DigitReader:
    labeler: Labeler[Any]

    def read(self, names: Sequence[str], contents: Sequence[Content]) -> tuple[pa.Table, Sequence[int]]:
        items = decoded(0, list(names), np.zeros(len(names), np.int64), iter(contents))
        return self.labeler.label(items).rows, [1] * len(names)


class FormWork(Work):
    suffixes, batch = SCANS, 4

    def __init__(self, workload: FormWorkload, templates: Sequence[Template], limits: Limits) -> None:
        self.workload, self._templates, self._limits = workload, tuple(templates), limits
        self.fields = tuple(dict.fromkeys(field.name for template in templates for field in template.fields))

    def reader(self, config: ReaderConfig) -> ItemReader:
        return ScanReader(self.workload.labeler(config), self._templates, self._limits)


@dataclass(frozen=True)
class ScanReader:
    labeler: Labeler[Any]
    templates: tuple[Template, ...]
    limits: Limits

    def read(self, names: Sequence[str], contents: Sequence[Content]) -> tuple[pa.Table, Sequence[int]]:
        tables = [self._scan(name, content) for name, content in zip(names, contents, strict=True)]
        return pa.concat_tables(tables), [len(rows) for rows in tables]

    def _scan(self, name: str, content: Content) -> pa.Table:
        pages = self._pages(name, content)
        rows = []
        while some := tuple(islice(pages, MAX_PAGES_PER_SHARD)):
            rows.append(self.labeler.label(PreparedShard(0, some)).rows)
        return pa.concat_tables(rows)

    def _pages(self, name: str, content: Content) -> Iterator[PreparedPage]:
        if isinstance(content, Reason):
            yield failed_page(name, 1, content)
            return
        try:
            with shared_pool(self.limits).open(content, name) as document:
                for number in range(len(document)):
                    yield prepare_page(document, name, number, self.templates)
        except DataError as error:
            yield failed_page(name, 1, reason_of(error, name))


@dataclass(frozen=True)
class BatchRead:
    rows: pa.Table
    failed: list[bool]
    """Of each item, whether all of its rows are errors."""


def read_batch(reader: ItemReader, arrivals: Sequence[Arrival]) -> BatchRead:
    contents = _contents(arrivals)
    rows, counts = reader.read([one.name for one in arrivals], contents)
    return BatchRead(_with_columns(rows, counts, arrivals, [_digest(one) for one in contents]), _failed(rows, counts))


def _contents(arrivals: Sequence[Arrival]) -> list[Content]:
    if any(not isinstance(one.content, bytes) and one.content.waits for one in arrivals):
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            return list(threads.map(_content, arrivals))
    return [_content(one) for one in arrivals]


def _content(arrival: Arrival) -> Content:
    return arrival.content if isinstance(arrival.content, bytes) else arrival.content.read()


def _digest(content: Content) -> str | None:
    return None if isinstance(content, Reason) else hashlib.blake2b(content, digest_size=16).hexdigest()


def lost_item(work: Work, arrival: Arrival, reason: Reason, model: str) -> BatchRead:
    """The row of an item that ends or occupies every process which reads it."""
    schema, number = work.workload.schema, work.workload.number
    known = {"source": arrival.name, number: _first(number), "status": Status.ERROR, "model": model}
    row = dict.fromkeys(schema.names) | known | reason_columns(reason)
    return BatchRead(_with_columns(pa.Table.from_pylist([row], schema), [1], [arrival], [None]), [True])


def _first(number: str) -> int:
    """Items count from 0, pages from 1."""
    return int(number == "page")


def _failed(rows: pa.Table, counts: Sequence[int]) -> list[bool]:
    errors = np.array([status == Status.ERROR for status in rows["status"].to_pylist()])
    ends = np.cumsum(counts)
    return [bool(errors[end - count : end].all()) for end, count in zip(ends, counts, strict=True)]


def _with_columns(
    rows: pa.Table, counts: Sequence[int], arrivals: Sequence[Arrival], digests: Sequence[str | None]
) -> pa.Table:
    about = pa.table(
        [
            pa.array([printable(one.key) for one in arrivals], pa.string()),
            pa.array([one.at for one in arrivals], pa.string()),
            pa.array(digests, pa.string()),
            pa.array([round(one.arrived_at * 1e6) for one in arrivals], pa.timestamp("us", "UTC")),
        ],
        schema=STREAM_COLUMNS,
    ).take(np.repeat(np.arange(len(arrivals)), counts))
    for column in STREAM_COLUMNS:
        rows = rows.append_column(column, about[column.name])
    return rows
