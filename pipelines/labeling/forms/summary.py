"""The counts of a run of forms: pages, and the fields on them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa

from pipelines.inference.outcome import Status
from pipelines.labeling.forms.evidence import worst_fields
from pipelines.labeling.forms.page_keys import PAGE_CODES
from pipelines.labeling.summary import Tally

SHOWN = 200


@dataclass
class FormTally(Tally):
    fields: int = 0
    templates: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    flagged: list[tuple[str, int, str]] = field(default_factory=list)
    """The first pages that are unread or need a review as a whole: source, page, reason."""

    worst: list[dict[str, Any]] = field(default_factory=list)
    """The fields that need a review most, with their pictures."""

    def merge(self, later: Tally) -> None:
        super().merge(later)
        assert isinstance(later, FormTally)
        self.fields += later.fields
        self.unread += later.unread
        self.templates.update(later.templates)
        self.flagged = [*self.flagged, *later.flagged][:SHOWN]
        self.worst = worst_fields([*self.worst, *later.worst])

    def items_of(self, rows: pa.Table) -> int:
        pages = 0
        kept = rows.select(["source", "page", "template", "field", "status", "reason_code", "reason"]).to_pylist()
        for (source, page), of_page in groupby(kept, lambda row: (row["source"], row["page"])):
            pages += 1
            self._add_page(source, page, list(of_page))
        return pages

    def _add_page(self, source: str, page: int, rows: list[dict[str, Any]]) -> None:
        if rows[0]["field"] is None:
            self.unread += 1
        else:
            self.fields += len(rows)
            self.templates[rows[0]["template"]] += 1
        unread = rows[0]["field"] is None
        reasons = {(row["reason_code"], row["reason"]) if row["status"] != Status.OK else None for row in rows}
        if len(reasons) == 1 and (reason := reasons.pop()) and len(self.flagged) < SHOWN:
            code, text = reason
            if unread or code in PAGE_CODES:
                self.flagged.append((source, page, text))

    def as_dict(self) -> dict[str, Any]:
        counted = {
            "fields": self.fields,
            "pages_unread": self.unread,
            "templates": dict(sorted(self.templates.items())),
        }
        return super().as_dict() | counted
