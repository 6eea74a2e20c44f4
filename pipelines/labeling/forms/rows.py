"""The rows of forms: one for each field of a page, or a single one with the reason why the page could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa

from pipelines.forms.results import FieldReading, PageResult
from pipelines.inference.outcome import Status, reason_columns
from pipelines.labeling.inputs.kept_columns import beside
from pipelines.labeling.rows import SCHEMA

BOX = pa.list_(pa.float32())
"""Left, top, width and height in millimetres of the template's page."""
CELL = pa.struct([("label", pa.string()), ("confidence", pa.float32()), ("box", BOX)])
ALTERNATIVE = pa.struct([("value", pa.string()), ("probability", pa.float32())])

FORM_SCHEMA = pa.schema(
    [
        *SCHEMA,
        ("template", pa.string()),
        ("field", pa.string()),
        ("box", BOX),
        ("cells", pa.list_(CELL)),
        ("alternatives", pa.list_(ALTERNATIVE)),
    ]
)


class ReadBy(NamedTuple):
    """The engine and the model that read a field."""

    engine: str
    model: str


def to_rows(results: Iterable[PageResult], digits: ReadBy, numbers: ReadBy, kept: pa.Table | None = None) -> pa.Table:
    """The rows of these pages. `digits` read the digits in cells, `numbers` the numbers without cells.

    `kept` has a line for each page, which is passed through.
    """
    of_pages = [list(_rows(result, digits, numbers)) for result in results]
    rows = pa.Table.from_pylist(list(chain.from_iterable(of_pages)), FORM_SCHEMA)
    return beside(rows, kept, list(map(len, of_pages)))


def _rows(result: PageResult, digits: ReadBy, numbers: ReadBy) -> Iterator[dict[str, Any]]:
    page = {"source": result.source, "page": result.page}
    if result.template is None or result.reason is not None:
        yield page | {"status": Status.ERROR} | reason_columns(result.reason) | digits._asdict()
        return
    for number, reading in enumerate(result.fields.values()):
        by = numbers if reading.field.kind == "number" else digits
        yield page | {"item": number, "template": result.template.name} | _row(reading) | by._asdict()


def _row(reading: FieldReading) -> dict[str, Any]:
    return {
        "field": reading.field.name,
        "value": reading.value,
        "confidence": None if reading.value is None else reading.confidence,
        "status": reading.status,
        **reason_columns(reading.reason),
        "box": reading.field.box.to_json(),
        "cells": [
            {"label": one.label, "confidence": one.confidence, "box": one.box.to_json()} for one in reading.cells
        ],
        "alternatives": [{"value": one.value, "probability": one.probability} for one in reading.alternatives],
    }
