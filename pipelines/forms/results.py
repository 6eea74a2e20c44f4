"""What was read on a page and in each of its fields, how certain it is, and whether a person must look."""

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
"""Number of alternative values that a reading shows."""
WORTH_SHOWING = 1e-4
"""Alternative values below this probability are not shown."""

TICKED, EMPTY = "1", "0"
"""The values of a mark; numeric, so that they can be summed."""


@dataclass(frozen=True)
class CellReading:
    label: str
    """The likeliest class, or an empty string if the cell is blank."""
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
    """The digits; an empty string if the field is blank; None if it was not read."""
    confidence: float
    status: Status
    reason: Reason | None = None
    cells: tuple[CellReading, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """Every value that was weighed, likeliest first; used by the rules across fields."""
    note: Reason | None = None
    """A remark about the value, whatever its confidence."""
    needs_review: bool = False
    """Whether a person must look, whatever the confidence."""


@dataclass(frozen=True)
class Acceptance:
    """The minimum confidence at which a reading needs no review, for each model."""

    digits: float = 0.0
    lines: float = 0.0

    @classmethod
    def by(cls, stated: float | None, digits: float, lines: float) -> Acceptance:
        """Use the stated threshold for both models; by default, each model's own."""
        return cls(digits, lines) if stated is None else cls(stated, stated)

    def of(self, field: Field) -> float:
        return self.lines if field.kind == "number" else self.digits


EVERYTHING = Acceptance()
"""Accepts every reading, however low its confidence."""


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
    """Return the reading with its status and reason."""
    confidence = min(confidence, 1.0)
    unsure = confidence < accept_above
    status = Status.REVIEW if unsure or needs_review else Status.OK
    reason = note or (why_unsure(accept_above) if unsure else None)
    others = tuple(one for one in candidates if one.value != value and one.probability > WORTH_SHOWING)[:SHOWN]
    return FieldReading(field, value, confidence, status, reason, cells, others, candidates, note, needs_review)


def doubted(reading: FieldReading, why: Reason) -> FieldReading:
    """Mark the reading for review for this reason, which is listed before its existing ones."""
    note = joined([why, *([reading.note] if reading.note else [])])
    status = Status.REVIEW if reading.status == Status.OK else reading.status
    return replace(reading, status=status, reason=note, note=note, needs_review=True)


@dataclass(frozen=True)
class PageResult:
    """What was read on one page, or why nothing could be read."""

    source: str
    page: int
    """Counted from 1."""
    template: Template | None
    fields: Mapping[str, FieldReading]
    """By name, in the order of the template."""
    reason: Reason | None
    """Why the page could not be read."""
    picture: bytes
    """The straightened page as JPEG, at DOTS_PER_MM pixels per mm; empty if it could not be straightened."""
    residual_mm: float | None = None
    """How far in mm the print on this page lies from its expected position."""

    @cached_property
    def pixels(self) -> Grey:
        """The decoded picture, cached because several callers show parts of it."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    @property
    def status(self) -> Status:
        """The status of the field that most needs attention."""
        there = {Status.ERROR} if self.reason else {reading.status for reading in self.fields.values()}
        return next((status for status in WORST_FIRST if status in there), Status.OK)
