"""The best value of a field under its constraints, and how far it can be trusted.

A reading weighs three accounts of what stands in the field: a value that the constraints admit; a value that they do
not, written nevertheless, which is WRONGLY_FILLED as likely beforehand; and something that is no digit. A value's
confidence is its share of the three. So a value that the constraints alone speak for, against sure cells, is not sure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.forms.constraints.field_language import failure, language
from pipelines.forms.decoding.evidence import KEPT, WRONGLY_FILLED, surely_contradicted
from pipelines.forms.decoding.form_rules import apply_rules
from pipelines.forms.results import WORTH_SHOWING, Candidate, CellReading, FieldReading, judge
from pipelines.forms.template import Field
from pipelines.inference.outcome import Reason, ReasonCode, joined

__all__ = ["Candidate", "CellReading", "FieldReading", "apply_rules", "choose", "read_cells"]

BLANK_REQUIRED = Reason(ReasonCode.BLANK_REQUIRED, "it is blank, but must be filled in")
SMALLEST = 1e-6
"""No engine's digit is less likely: a saturated or rounded zero must not rule a value out."""
FOLLOWED = 1e-6
"""Less likely runs of crossed cells weigh nothing, even beside what is WRONGLY_FILLED as likely."""
UNUSED = 1e-4
"""Nor are less likely ones a way to explain what is no digit."""


@dataclass(frozen=True)
class _Weighed:
    admitted: list[Candidate]
    """The likeliest of them, best first."""
    admitted_total: float
    raw: Candidate
    """The likeliest value if nothing were known of the field."""
    not_admitted_total: float
    no_digits: float
    """How likely something in the field is no digit, or no value that was weighed."""


def read_cells(field: Field, cells: Sequence[CellReading], classes: Sequence[str], accept_above: float) -> FieldReading:
    """The value in a comb. Blank cells around it are no part of it, nor are crossed ones if `fill` says so."""
    written = [place for place, cell in enumerate(cells) if not cell.blank]
    if not written:
        return _blank(field, tuple(cells), accept_above)
    digits, others = _split(np.stack([cells[place].probabilities for place in written]), classes)
    spans = _spans(others, bool(field.fill))
    weighed = _weigh(field, digits, spans)
    return _decide(field, weighed, accept_above, tuple(cells), _faults(digits, others, spans, written))


def choose(
    field: Field,
    candidates: Iterable[tuple[str, float]],
    accept_above: float,
    cells: tuple[CellReading, ...] = (),
) -> FieldReading:
    """The value of a free number, of the readings that were found, best first."""
    listed = [Candidate(*one) for one in candidates]
    if not listed:
        return _blank(field, cells, accept_above)
    admitted = [one for one in listed if failure(field, one.value) is None]
    total = sum(one.probability for one in listed)
    admitted_total = sum(one.probability for one in admitted)
    weighed = _Weighed(admitted[:KEPT], admitted_total, listed[0], total - admitted_total, max(0.0, 1 - total))
    return _decide(field, weighed, accept_above, cells, [])


def _blank(field: Field, cells: tuple[CellReading, ...], accept_above: float) -> FieldReading:
    nothing = (Candidate("", 1.0),)
    note = None if field.blank else BLANK_REQUIRED
    return judge(field, "", 1.0, accept_above, cells=cells, candidates=nothing, note=note, needs_review=not field.blank)


def _split(
    probabilities: NDArray[np.float32], classes: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How likely each of the ten digits is in each cell, and how likely it is none of them."""
    columns = [list(classes).index(digit) for digit in "0123456789"]
    digits = np.maximum(probabilities[:, columns].astype(np.float64), SMALLEST)
    others = np.clip(1 - digits.sum(1), 0, 1)
    whole = digits.sum(1) + others
    return digits / whole[:, None], others / whole


def _spans(others: NDArray[np.float64], crossed: bool) -> list[tuple[int, int, float]]:
    """From which to which cell the value may reach, and how likely the cells outside it are crossed."""
    count = len(others)
    if not crossed:
        return [(0, count, 1.0)]
    before = np.concatenate([[1.0], np.cumprod(others)])
    behind = np.concatenate([[1.0], np.cumprod(others[::-1])])[::-1]
    starts, stops = np.flatnonzero(before > FOLLOWED), np.flatnonzero(behind > FOLLOWED)
    spans = [(int(a), int(b), float(before[a] * behind[b])) for a in starts for b in stops if a < b]
    return spans + ([(count, count, float(before[count]))] if before[count] > FOLLOWED else [])


def _weigh(field: Field, digits: NDArray[np.float64], spans: list[tuple[int, int, float]]) -> _Weighed:
    likely, raws = set[str](), set[str]()
    admitted_total = all_total = 0.0
    for start, stop, outside in spans:
        part = digits[start:stop]
        total, best = _search(field, part)
        admitted_total += outside * total
        all_total += outside * float(part.sum(1).prod())
        likely.update(one.value for one in best)
        raws.add("".join(map(str, part.argmax(1))))
    # One value may lie in several spans, and be among the likeliest in one of them alone.
    admitted = sorted((_summed(value, digits, spans) for value in likely), key=lambda one: -one.probability)
    raw = max((_summed(value, digits, spans) for value in raws), key=lambda one: one.probability)
    return _Weighed(admitted[:KEPT], admitted_total, raw, max(0.0, all_total - admitted_total), max(0.0, 1 - all_total))


def _summed(value: str, digits: NDArray[np.float64], spans: list[tuple[int, int, float]]) -> Candidate:
    read = [int(digit) for digit in value]
    fitting = [span for span in spans if span[1] - span[0] == len(read)]
    weights = (outside * float(digits[np.arange(start, stop), read].prod()) for start, stop, outside in fitting)
    return Candidate(value, sum(weights))


def _search(field: Field, digits: NDArray[np.float64]) -> tuple[float, list[Candidate]]:
    if not len(digits):
        return (1.0, [Candidate("", 1.0)]) if field.blank else (0.0, [])
    found = language(field, len(digits)).search(digits, KEPT)
    return found.total, found.best


def _faults(
    digits: NDArray[np.float64], others: NDArray[np.float64], spans: list[tuple[int, int, float]], written: list[int]
) -> list[Reason]:
    """What of the cells a person must see, whatever the value: what is no digit, and gaps between digits."""
    likely = [span for span in spans if span[2] > UNUSED]
    start, stop, _ = max(likely, key=lambda span: span[2] * digits[span[0] : span[1]].max(1).prod())
    strange = [written[at] + 1 for at in range(start, stop) if others[at] > digits[at].max()]
    inside = written[start:stop]
    gaps = sorted(set(range(inside[0], inside[-1])) - set(inside)) if inside else []
    return [
        *([_not_digits(strange)] if strange else []),
        *(Reason(ReasonCode.GAP_IN_NUMBER, f"cell {gap + 1} is blank between digits") for gap in gaps),
    ]


def _not_digits(numbers: list[int]) -> Reason:
    kind = "a digit" if len(numbers) == 1 else "digits"
    return Reason(ReasonCode.NOT_A_DIGIT, f"{_cells(numbers)} not look like {kind}")


def _cells(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers))
    return f"cell {listed} does" if len(numbers) == 1 else f"cells {listed} do"


def _decide(
    field: Field, weighed: _Weighed, accept_above: float, cells: tuple[CellReading, ...], faults: list[Reason]
) -> FieldReading:
    """The value with the largest share. One that only the constraints speak for goes to a person."""
    raw, why = weighed.raw, failure(field, weighed.raw.value)
    whole = weighed.admitted_total + WRONGLY_FILLED * weighed.not_admitted_total + weighed.no_digits
    shares = [Candidate(value, weight / whole) for value, weight in weighed.admitted]
    if why is not None or not shares:  # of very many cells that are no digits, every value weighs nothing
        shares.append(Candidate(raw.value, WRONGLY_FILLED * raw.probability / whole))
    shares.sort(key=lambda one: -one.probability)
    needs_review = bool(faults) or (why is not None and _is_sure(weighed))
    notes = [*faults, *_violation(raw.value, why, shares)]
    value, confidence = shares[0]
    return judge(
        field,
        value,
        confidence,
        accept_above,
        cells=cells,
        candidates=tuple(shares[:KEPT]),
        note=joined(notes),
        needs_review=needs_review,
    )


def _is_sure(weighed: _Weighed) -> bool:
    return not weighed.admitted or surely_contradicted(weighed.raw.probability, weighed.admitted[0].probability)


def _violation(raw: str, why: str | None, shares: list[Candidate]) -> list[Reason]:
    """Which constraint the digits as read violate, if any, and what value would satisfy all."""
    if why is None:
        return []
    read = f"read {raw}, which {why}" if raw else f"read as blank, but it {why}"
    others = [value for value, share in shares if value != raw and share > WORTH_SHOWING]
    nearest = f"{others[0] or 'blank'} is the likeliest that holds" if others else "no value near it holds"
    return [Reason(ReasonCode.CONSTRAINT_VIOLATED, f"{read}; {nearest}")]
