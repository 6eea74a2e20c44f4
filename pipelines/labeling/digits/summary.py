"""The counts of a run of digits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines.labeling.summary import Tally, counts


@dataclass
class DigitTally(Tally):
    values: Counter[str] = field(default_factory=Counter)

    def add(self, rows: pa.Table) -> None:
        super().add(rows)
        self.values.update(counts(rows["value"]))

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"labels": dict(sorted(self.values.items()))}
