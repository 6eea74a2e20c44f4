"""The result for spreadsheets: one line per page, one column per field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from pipelines.forms.template import Template
from pipelines.inference.outcome import WORST_FIRST, Status
from pipelines.labeling.inputs.base import Spread
from pipelines.labeling.inputs.kept_columns import NO_COLUMNS
from pipelines.labeling.run_folder import WIDE, Group, LabelingRunFolder
from pipelines.labeling.summing import of_each

FIRST = ("source", "page", "template", "status", "reason")
READ = (*FIRST, "field", "value")


def write_wide(
    folder: LabelingRunFolder, templates: Sequence[Template], spread: Spread, columns: pa.Schema = NO_COLUMNS
) -> None:
    """Write group by group, since a run may have more pages than fit into memory.

    Of the columns of the input those stand last that a spreadsheet can show.
    """
    fields = fields_of(templates)
    kept = [column.name for column in columns if not _is_binary(column.type)]
    head = as_csv([[*FIRST, *fields, *kept]])
    lines_of = partial(_lines_of, folder, fields, kept)
    folder.write_file(WIDE, chain([head], of_each(lines_of, folder.groups(), spread)))


def fields_of(templates: Sequence[Template]) -> list[str]:
    return list(dict.fromkeys(field.name for template in templates for field in template.fields))


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _lines_of(folder: LabelingRunFolder, fields: Sequence[str], kept: Sequence[str], group: Group) -> bytes:
    return b"".join(as_csv(lines(rows, fields, kept)) for rows in folder.shards(group))


def as_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def lines(
    rows: pa.Table,
    fields: Sequence[str],
    kept: Sequence[str] = (),
    of_a_page: Sequence[str] = ("source", "page"),
) -> Iterator[list[Any]]:
    """A line for consecutive rows that have these columns in common; `kept` are columns of the input."""
    read = rows.select(list(dict.fromkeys([*of_a_page, *READ, *kept]))).to_pylist()
    for _, of_page in groupby(read, itemgetter(*of_a_page)):
        yield _line(list(of_page), fields, kept)


def _line(rows: Sequence[dict[str, Any]], fields: Sequence[str], kept: Sequence[str]) -> list[Any]:
    values = {row["field"]: row["value"] for row in rows}
    worst = next(status for status in WORST_FIRST if any(row["status"] == status for row in rows))
    return [
        rows[0]["source"],
        rows[0]["page"],
        rows[0]["template"],
        worst.value,
        "; ".join(_reasons(rows)),
        *(values.get(one) for one in fields),
        *(rows[0][one] for one in kept),
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
