"""The counts of a run of digits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.labeling.digits.thumbnails import Thumbnail, least_certain
from pipelines.labeling.summary import Tally, counts


@dataclass
class DigitTally(Tally):
    values: Counter[str] = field(default_factory=Counter)
    least: list[Thumbnail] = field(default_factory=list)
    """The least certain images, the worst first."""

    def add(self, rows: pa.Table) -> None:
        super().add(rows)
        self.values.update(counts(rows["value"]))

    def merge(self, later: Tally) -> None:
        super().merge(later)
        assert isinstance(later, DigitTally)
        self.values.update(later.values)
        self.least = least_certain([*self.least, *later.least])

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"labels": dict(sorted(self.values.items()))}
