"""The best value of a field under its constraints, and how far it can be trusted.

A field may contain an admitted value; a value that violates the constraints, whose prior probability is
WRONGLY_FILLED; or something that is not a digit. The confidence of a value is its share of the total of all three.
So a value that only the constraints support, against cells that were read clearly, has a low confidence.
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
"""Lower bound on a digit's probability: a saturated or rounded zero must not rule out a value."""
FOLLOWED = 1e-6
"""Runs of crossed cells below this probability are negligible, even compared with WRONGLY_FILLED."""
UNUSED = 1e-4
"""Nor do runs below this probability explain cells that do not contain a digit."""


@dataclass(frozen=True)
class _Weighed:
    admitted: list[Candidate]
    """The likeliest admitted values, best first."""
    admitted_total: float
    raw: Candidate
    """The likeliest value if the field had no constraints."""
    not_admitted_total: float
    no_digits: float
    """The probability that the field contains a non-digit or a value that was not weighed."""


def read_cells(field: Field, cells: Sequence[CellReading], classes: Sequence[str], accept_above: float) -> FieldReading:
    """Return the value in a comb, ignoring blank cells around it, and crossed ones if `fill` allows them."""
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
    """Return the value of a free number from the readings that were found, best first."""
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
    """Return the probability of each digit in each cell, and of none of them."""
    columns = [list(classes).index(digit) for digit in "0123456789"]
    digits = np.maximum(probabilities[:, columns].astype(np.float64), SMALLEST)
    others = np.clip(1 - digits.sum(1), 0, 1)
    whole = digits.sum(1) + others
    return digits / whole[:, None], others / whole


def _spans(others: NDArray[np.float64], crossed: bool) -> list[tuple[int, int, float]]:
    """Return the cell ranges the value may occupy, each with the probability that all cells outside it are crossed."""
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
    # One value may lie in several spans, yet be among the likeliest in only one of them.
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
    """Return what a person must see in the cells whatever the value: non-digits, and gaps between digits."""
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
    """Choose the value with the largest share; a value that only the constraints support goes to a person."""
    raw, why = weighed.raw, failure(field, weighed.raw.value)
    whole = weighed.admitted_total + WRONGLY_FILLED * weighed.not_admitted_total + weighed.no_digits
    shares = [Candidate(value, weight / whole) for value, weight in weighed.admitted]
    if why is not None or not shares:  # with very many non-digit cells, every weight is 0
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
    """Return which constraint the digits as read violate, if any, and which value would satisfy all of them."""
    if why is None:
        return []
    read = f"read {raw}, which {why}" if raw else f"read as blank, but it {why}"
    others = [value for value, share in shares if value != raw and share > WORTH_SHOWING]
    nearest = f"{others[0] or 'blank'} is the likeliest that holds" if others else "no value near it holds"
    return [Reason(ReasonCode.CONSTRAINT_VIOLATED, f"{read}; {nearest}")]
