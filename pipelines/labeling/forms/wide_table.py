"""The result for spreadsheets: one line per page, one column per field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from typing import Any

import pyarrow as pa

from pipelines.forms.template import Template
from pipelines.inference.outcome import WORST_FIRST, Status
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.run_folder import WIDE, Group, LabelingRunFolder
from pipelines.labeling.summing import of_each

FIRST = ("source", "page", "template", "status", "reason")


def write_wide(folder: LabelingRunFolder, templates: Sequence[Template], spread: Spread) -> None:
    """Write group by group, since a run may have more pages than fit into memory."""
    fields = list(dict.fromkeys(field.name for template in templates for field in template.fields))
    head = _as_csv([[*FIRST, *fields]])
    folder.write_file(WIDE, chain([head], of_each(partial(_lines_of, folder, fields), folder.groups(), spread)))


def _lines_of(folder: LabelingRunFolder, fields: Sequence[str], group: Group) -> bytes:
    return b"".join(_as_csv(lines(rows, fields)) for rows in folder.shards(group))


def _as_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def lines(rows: pa.Table, fields: Sequence[str]) -> Iterator[list[Any]]:
    kept = rows.select(["source", "page", "template", "field", "value", "status", "reason"]).to_pylist()
    for (source, page), of_page in groupby(kept, lambda row: (row["source"], row["page"])):
        yield _line(source, page, list(of_page), fields)


def _line(source: str, page: int, rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[Any]:
    values = {row["field"]: row["value"] for row in rows}
    worst = next(status for status in WORST_FIRST if any(row["status"] == status for row in rows))
    return [
        source,
        page,
        rows[0]["template"],
        worst.value,
        "; ".join(_reasons(rows)),
        *(values.get(one) for one in fields),
    ]


def _reasons(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each reason once, with the fields that have it."""
    fields_by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row["reason"] is not None and row["status"] != Status.OK:
            fields_by_reason.setdefault(row["reason"], []).append(row["field"])
    for reason, fields in fields_by_reason.items():
        everywhere = fields == [None] or len(fields) == len(rows)
        yield reason if everywhere else f"{', '.join(fields)}: {reason}"
