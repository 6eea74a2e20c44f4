"""What was read on a page and in each of its fields, how sure that is, and whether a person must look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import Grey
from pipelines.forms.template import Box, Field, Template
from pipelines.inference.outcome import WORST_FIRST, Reason, Status, joined, why_unsure

SHOWN = 3
"""How many other values a reading shows."""
WORTH_SHOWING = 1e-4
"""What is less likely is not shown as another value."""

TICKED, EMPTY = "1", "0"
"""The values of a mark, which can be added up."""


@dataclass(frozen=True)
class CellReading:
    label: str
    """The likeliest class, or nothing if the cell is blank."""
    confidence: float
    box: Box
    blank: bool
    probabilities: NDArray[np.float32]
    """[C], in the order of the reader's classes."""


class Candidate(NamedTuple):
    value: str
    probability: float


@dataclass(frozen=True)
class FieldReading:
    field: Field
    value: str | None
    """The digits; nothing between the quotes if the field is blank; None if it was not read."""
    confidence: float
    status: Status
    reason: Reason | None = None
    cells: tuple[CellReading, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """Every value that was weighed, the likeliest first, for the rules across fields."""
    note: Reason | None = None
    """What there is to say of the value, however sure it is."""
    needs_review: bool = False
    """Whether a person must look, however sure the value is."""


@dataclass(frozen=True)
class Acceptance:
    """From which confidence on a reading needs no second look, by which model it is of."""

    digits: float = 0.0
    lines: float = 0.0

    @classmethod
    def by(cls, stated: float | None, digits: float, lines: float) -> Acceptance:
        """What is stated counts for all; where nothing is, each model's own does."""
        return cls(digits, lines) if stated is None else cls(stated, stated)

    def of(self, field: Field) -> float:
        return self.lines if field.kind == "number" else self.digits


EVERYTHING = Acceptance()
"""However unsure a reading is."""


def judge(
    field: Field,
    value: str,
    confidence: float,
    accept_above: float,
    *,
    cells: tuple[CellReading, ...] = (),
    candidates: tuple[Candidate, ...] = (),
    note: Reason | None = None,
    needs_review: bool = False,
) -> FieldReading:
    """The reading with its status and reason."""
    confidence = min(confidence, 1.0)
    unsure = confidence < accept_above
    status = Status.REVIEW if unsure or needs_review else Status.OK
    reason = note or (why_unsure(accept_above) if unsure else None)
    others = tuple(one for one in candidates if one.value != value and one.probability > WORTH_SHOWING)[:SHOWN]
    return FieldReading(field, value, confidence, status, reason, cells, others, candidates, note, needs_review)


def doubted(reading: FieldReading, why: Reason) -> FieldReading:
    """The same reading, which a person must look at for this reason, before any other that it has."""
    note = joined([why, *([reading.note] if reading.note else [])])
    status = Status.REVIEW if reading.status == Status.OK else reading.status
    return replace(reading, status=status, reason=note, note=note, needs_review=True)


@dataclass(frozen=True)
class PageResult:
    """What was read of one page, or why nothing could be."""

    source: str
    page: int
    """From 1."""
    template: Template | None
    fields: Mapping[str, FieldReading]
    """By name, in the order of the template."""
    reason: Reason | None
    """Why the page could not be read."""
    picture: bytes
    """The straightened page as JPEG, DOTS_PER_MM pixels to the millimetre; empty if it could not be straightened."""
    residual_mm: float | None = None
    """How far from its place what is printed lies on that page."""

    @cached_property
    def pixels(self) -> Grey:
        """The picture, decoded once for all who show a part of it."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    @property
    def status(self) -> Status:
        """Of the field that most needs eyes."""
        there = {Status.ERROR} if self.reason else {reading.status for reading in self.fields.values()}
        return next((status for status in WORST_FIRST if status in there), Status.OK)
