"""What was read in a field: its value, how sure that is, and whether a person must look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.template import Box, Field

OK, REVIEW, ERROR = "ok", "review", "error"
SHOWN = 3
"""How many other values a reading shows."""
WORTH_SHOWING = 1e-4
"""What is less likely is not shown as another value."""


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
    held_back: bool = False
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
    held_back: bool = False,
) -> FieldReading:
    """The reading with its status and reason."""
    confidence = min(confidence, 1.0)
    unsure = confidence < accept_above
    status = REVIEW if unsure or held_back else OK
    reason = note or (why_unsure(accept_above) if unsure else None)
    others = tuple(one for one in candidates if one.value != value and one.probability > WORTH_SHOWING)[:SHOWN]
    return FieldReading(field, value, confidence, status, reason, cells, others, candidates, note, held_back)


def doubted(reading: FieldReading, why: str) -> FieldReading:
    """The same, for a person to look at, whatever else is said of it."""
    note = "; ".join([why, *([reading.note] if reading.note else [])])
    status = REVIEW if reading.status == OK else reading.status
    return replace(reading, status=status, reason=note, note=note, held_back=True)
