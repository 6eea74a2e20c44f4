"""How many pages each scan has: counted by tasks where scans are many, and kept for the next start of the run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from pipelines.documents.limits import Limits
from pipelines.documents.pool import DocumentPool, shared_pool
from pipelines.errors import DataError
from pipelines.files.remote import File
from pipelines.forms.pipeline import reason_of
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.inputs.image_files import SUFFIXES
from pipelines.labeling.inputs.sources import FileSource, contents

MANY_PAGED = frozenset({".pdf", ".tif", ".tiff"})
SINGLE = SUFFIXES - MANY_PAGED
"""Files that count as one page without being opened."""
FEW = 64
"""Documents that are counted at once and not by tasks, whose processes would have to start first."""
FILES_AT_ONCE = 16
"""Files that are counted at once at the same time."""
BATCH = 100
"""Documents that a task counts."""
Count = tuple[int, Reason | None]
"""The pages of a file, or 1 and why it cannot be opened at all."""


@dataclass(frozen=True)
class PageCounts:
    """The pages of each file of a piece of the list."""

    counts: list[int]
    reasons: dict[int, Reason] = field(default_factory=dict)
    """Why some of the files cannot be opened, by their index; such a file has one page."""

    @property
    def total(self) -> int:
        return sum(self.counts)

    def to_bytes(self) -> bytes:
        reasons = {str(index): [reason.code, reason.text] for index, reason in self.reasons.items()}
        return json.dumps({"counts": self.counts, "reasons": reasons}).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> PageCounts:
        told = json.loads(content)
        reasons = {int(index): Reason(ReasonCode(code), text) for index, (code, text) in told["reasons"].items()}
        return cls(told["counts"], reasons)


def count_pages(source: FileSource, limits: Limits, files: Sequence[File], spread: Spread) -> PageCounts:
    counts = [1] * len(files)
    reasons: dict[int, Reason] = {}
    documents = [index for index, file in enumerate(files) if file.suffix not in SINGLE]
    for index, (count, reason) in zip(documents, _counted(source, limits, files, documents, spread), strict=True):
        counts[index] = count
        if reason:
            reasons[index] = reason
    return PageCounts(counts, reasons)


def _counted(
    source: FileSource, limits: Limits, files: Sequence[File], documents: Sequence[int], spread: Spread
) -> Iterator[Count]:
    if len(documents) <= FEW:
        yield from _count_here(source, limits, [files[index] for index in documents])
        return
    batches = (
        [files[index] for index in documents[start : start + BATCH]] for start in range(0, len(documents), BATCH)
    )
    for counted in spread(partial(count_batch, source, limits), batches):
        yield from counted


def _count_here(source: FileSource, limits: Limits, files: Sequence[File]) -> Iterator[Count]:
    if not files:
        return
    with ThreadPoolExecutor(FILES_AT_ONCE) as threads, DocumentPool(os.cpu_count() or 1, limits) as documents:
        try:
            yield from threads.map(lambda file: _count(documents, source, file, source.read(file)), files)
        except BaseException:
            # An interrupt must not wait for the files that are still to be counted.
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def count_batch(source: FileSource, limits: Limits, files: Sequence[File]) -> list[Count]:
    """Count the pages of some documents in a task."""
    documents = shared_pool(limits)
    read = zip(files, contents(source, files), strict=True)
    return [_count(documents, source, file, content) for file, content in read]


def _count(documents: DocumentPool, source: FileSource, file: File, content: bytes | Reason) -> Count:
    if isinstance(content, Reason):
        return 1, content
    name = source.name(file)
    try:
        with documents.open(content, name) as document:
            return len(document), None
    except DataError as error:
        return 1, reason_of(error, name)
