"""Cells as a reader might have read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.decoding.field_values import read_cells
from pipelines.forms.results import CellReading, FieldReading
from pipelines.forms.template import Box, Field

CLASSES = (*"0123456789", "none")
BOX = Box(10, 10, 40, 8)
ACCEPT = 0.95


def cell(probabilities: Mapping[str, float]) -> CellReading:
    """What is left of 1 is shared by the other classes."""
    left = (1 - sum(probabilities.values())) / (len(CLASSES) - len(probabilities))
    return as_read(np.array([probabilities.get(name, left) for name in CLASSES]))


def as_read(row: NDArray[np.float64]) -> CellReading:
    at = int(row.argmax())
    return CellReading(CLASSES[at], float(row[at]), BOX, False, row.astype(np.float32))


def blank_cell() -> CellReading:
    return CellReading("", 1.0, BOX, True, np.zeros(len(CLASSES), np.float32))


def cells(
    text: str, sure: float = 0.9995, doubts: Mapping[int, Mapping[str, float]] | None = None
) -> list[CellReading]:
    """`_` is a blank cell and `x` a crossed one; `doubts` has the probabilities of single cells."""
    read = [blank_cell() if sign == "_" else cell({"none" if sign == "x" else sign: sure}) for sign in text]
    for at, probabilities in (doubts or {}).items():
        read[at] = cell(probabilities)
    return read


def comb(name: str = "number", **constraints: object) -> Field:
    return Field(name, "digits", BOX, **constraints)  # type: ignore[arg-type]


def why(reading: FieldReading) -> str | None:
    """The text of its reason."""
    return reading.reason and reading.reason.text


def read(field: Field, read_in_cells: Sequence[CellReading], accept_above: float = ACCEPT) -> FieldReading:
    return read_cells(field, read_in_cells, CLASSES, accept_above)
