"""The counts of a finished run, taken from its rows alone, so that a resumed run is summed up like any other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from pipelines.inference.outcome import Status

BINS = 20


class Example(NamedTuple):
    reason: str
    source: str


@dataclass
class Tally:
    items: int = 0
    status: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Rows by the code of their reason."""
    engines: Counter[str] = field(default_factory=Counter)
    confidence: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    examples: dict[str, Example] = field(default_factory=dict)
    """For each code, the first row that has it."""

    def add(self, rows: pa.Table) -> None:
        self.items += self.items_of(rows)
        for column, counter in (("status", self.status), ("engine", self.engines)):
            counter.update(counts(rows[column]))
        self.reasons.update(counts(rows["reason_code"]))
        explained = rows.filter(rows["reason_code"].is_valid())
        for row in explained.select(["reason_code", "reason", "source"])[:1000].to_pylist():
            self.examples.setdefault(row["reason_code"], Example(row["reason"], row["source"]))
        # A sum of rounded parts may lie above 1 by a hair.
        sure = rows["confidence"].drop_null().to_numpy().clip(0, 1)
        self.confidence += np.histogram(sure, BINS, (0, 1))[0]

    def merge(self, later: Tally) -> None:
        """Add the counts of rows that follow those counted here."""
        self.items += later.items
        for mine, others in ((self.status, later.status), (self.reasons, later.reasons), (self.engines, later.engines)):
            mine.update(others)
        self.confidence += later.confidence
        self.examples = later.examples | self.examples

    def items_of(self, rows: pa.Table) -> int:
        return len(rows)

    @property
    def errors(self) -> int:
        return self.status[Status.ERROR]

    def as_dict(self) -> dict[str, Any]:
        return {
            "items": self.items,
            "status": dict(sorted(self.status.items())),
            "reasons": dict(self.reasons.most_common(50)),
            "engines": sorted(self.engines),
            "confidence": {"from": 0.0, "to": 1.0, "counts": self.confidence.tolist()},
        }


T = TypeVar("T", bound=Tally)


def tally(shards: Iterable[pa.Table], whole: T) -> T:
    for rows in shards:
        whole.add(rows)
    return whole


def counts(column: pa.ChunkedArray) -> dict[str, int]:
    found = column.drop_null().value_counts()
    return {row["values"]: row["counts"] for row in found.to_pylist()}
