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

OK, REVIEW, ERROR = "ok", "review", "error"
SHOWN = 3
"""How many other values a reading shows."""
WORTH_SHOWING = 1e-4
"""What is less likely is not shown as another value."""


WORST_FIRST = (ERROR, REVIEW, OK)
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
    status: str
    reason: str | None = None
    cells: tuple[CellReading, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """Every value that was weighed, the likeliest first, for the rules across fields."""
    note: str | None = None
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


def why_unsure(accept_above: float) -> str:
    """Why a reading below this confidence needs a second look."""
    if accept_above > 1:
        return "this model is never sure enough to be accepted unseen"
    return f"less sure than {accept_above:.4g}"


def judge(
    field: Field,
    value: str,
    confidence: float,
    accept_above: float,
    *,
    cells: tuple[CellReading, ...] = (),
    candidates: tuple[Candidate, ...] = (),
    note: str | None = None,
    needs_review: bool = False,
) -> FieldReading:
    """The reading with its status and reason."""
    confidence = min(confidence, 1.0)
    unsure = confidence < accept_above
    status = REVIEW if unsure or needs_review else OK
    reason = note or (why_unsure(accept_above) if unsure else None)
    others = tuple(one for one in candidates if one.value != value and one.probability > WORTH_SHOWING)[:SHOWN]
    return FieldReading(field, value, confidence, status, reason, cells, others, candidates, note, needs_review)


def doubted(reading: FieldReading, why: str) -> FieldReading:
    """The same, for a person to look at, whatever else is said of it."""
    note = "; ".join([why, *([reading.note] if reading.note else [])])
    status = REVIEW if reading.status == OK else reading.status
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
    reason: str | None
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
    def status(self) -> str:
        """Of the field that most needs eyes."""
        there = {ERROR} if self.reason else {reading.status for reading in self.fields.values()}
        return next((status for status in WORST_FIRST if status in there), OK)
