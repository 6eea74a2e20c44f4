"""The rules of a form across its fields: the likeliest values of all fields together under which the rules hold.

As within a field, values that violate the rules are not impossible; their prior probability is WRONGLY_FILLED. So
arithmetic that holds raises the confidence of its fields, and arithmetic that needs an unlikely digit lowers it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.forms.constraints.rules import Rule, parse_rule
from pipelines.forms.decoding.evidence import WRONGLY_FILLED, surely_contradicted
from pipelines.forms.results import Acceptance, Candidate, FieldReading, judge
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason, ReasonCode, Status, joined

MOST_COMBINATIONS = 4000
"""Maximum number of combinations weighed; the remaining ones count as evidence against the result."""
ENOUGH = 1e-4
"""The search stops once the remaining weight is below this share of the weight that satisfies the rules."""

OTHER = Candidate("?", 0.0)
"""Stands for every value of a field other than its candidates; rules do not apply to it."""

Values = dict[str, str]


@dataclass
class _Weighed:
    """The accumulated weights of the combinations of several fields' values."""

    raw: tuple[Values, float]
    """The likeliest combination, whether or not the rules hold."""
    holding: tuple[Values, float] | None = None
    """The likeliest combination under which all rules hold."""
    whole: float = 0.0
    shares: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))


def apply_rules(
    template: Template, readings: Mapping[str, FieldReading], accept: Acceptance
) -> dict[str, FieldReading]:
    """Apply the rules to the readings of a page; rules over fields that were not read are skipped."""
    decided = dict(readings)
    rules = [rule for rule in map(parse_rule, template.rules) if all(_is_read(readings, name) for name in rule.names)]
    for group in _groups(rules):
        names = list(dict.fromkeys(name for rule in group for name in rule.names))
        weighed = _weigh({name: _candidates(decided[name]) for name in names}, group)
        decided.update(_conclude({name: decided[name] for name in names}, group, weighed, accept))
    return decided


def _is_read(readings: Mapping[str, FieldReading], name: str) -> bool:
    reading = readings.get(name)
    if reading is None or reading.status == Status.ERROR or reading.value is None:
        return False
    return all(_is_plain(one.value) for one in _candidates(reading))


def _is_plain(value: str) -> bool:
    return not value or (value.isascii() and value.isdigit())


def _candidates(reading: FieldReading) -> list[Candidate]:
    if reading.candidates:
        return list(reading.candidates)
    return [Candidate(reading.value or "", reading.confidence), *map(Candidate._make, reading.alternatives)]


def _groups(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Group rules that share a field, directly or through other rules, because they are applied together."""
    groups: list[list[Rule]] = []
    for rule in rules:
        near = [group for group in groups if any(set(rule.names) & set(other.names) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(one for group in near for one in group), rule])
    return groups


def _combinations(candidates: Mapping[str, Sequence[Candidate]]) -> Iterator[tuple[Values, float]]:
    """Yield every choice of one value per field, likeliest first."""
    names = list(candidates)
    lists = [sorted(candidates[name], key=lambda one: -one.probability) for name in names]

    def weight(places: tuple[int, ...]) -> float:
        return math.prod(listed[place].probability for listed, place in zip(lists, places, strict=True))

    first = (0,) * len(names)
    waiting = [(-weight(first), first, 0)]
    while waiting:
        found, places, moved = heapq.heappop(waiting)
        yield {name: one[at].value for name, one, at in zip(names, lists, places, strict=True)}, -found
        for at in range(moved, len(names)):
            if places[at] + 1 < len(lists[at]):
                following = (*places[:at], places[at] + 1, *places[at + 1 :])
                heapq.heappush(waiting, (-weight(following), following, at))


def _weigh(candidates: Mapping[str, Sequence[Candidate]], rules: Sequence[Rule]) -> _Weighed:
    weighed = _Weighed(next(_combinations(candidates)))
    held, left = 0.0, 1.0
    whole = {name: [*listed, _other(listed)] for name, listed in candidates.items()}
    for values, weight in itertools.islice(_combinations(whole), MOST_COMBINATIONS):
        holds = all(rule.holds(values) for rule in rules if all(values[name] != OTHER.value for name in rule.names))
        _add(weighed, values, weight * (1 if holds else WRONGLY_FILLED))
        if holds and OTHER.value not in values.values():
            weighed.holding, held = weighed.holding or (values, weight), held + weight
        left -= weight
        if left < ENOUGH * held:
            break
    weighed.whole += max(0.0, left)
    return weighed


def _other(candidates: Sequence[Candidate]) -> Candidate:
    return OTHER._replace(probability=max(0.0, 1 - sum(one.probability for one in candidates)))


def _add(weighed: _Weighed, values: Values, weight: float) -> None:
    weighed.whole += weight
    for name, value in values.items():
        weighed.shares[name][value] += weight


def _conclude(
    readings: Mapping[str, FieldReading], rules: Sequence[Rule], weighed: _Weighed, accept: Acceptance
) -> Iterable[tuple[str, FieldReading]]:
    raw, raw_weight = weighed.raw
    values, weight = weighed.holding or (raw, 0.0)
    broken = [rule for rule in rules if not rule.holds(raw)]
    sure = bool(broken) and surely_contradicted(raw_weight, weight)
    kept = raw if weight <= WRONGLY_FILLED * raw_weight else values
    for name, reading in readings.items():
        about = [rule for rule in broken if name in rule.names]
        shares = [Candidate(value, share / weighed.whole) for value, share in weighed.shares[name].items()]
        shares = [one for one in shares if one.value != OTHER.value]
        notes = [reading.note] if reading.note else []
        if about and kept is raw:
            notes.append(_violated(raw, about))
        elif kept[name] != raw[name]:
            notes.append(_changed(name, raw, values, about or broken))
        needs_review = reading.needs_review or (sure and bool(kept[name] != raw[name] or (about and kept is raw)))
        yield name, _renewed(reading, kept[name], shares, notes, needs_review, accept.of(reading.field))


def _renewed(
    reading: FieldReading,
    value: str,
    shares: list[Candidate],
    notes: list[Reason],
    needs_review: bool,
    accept_above: float,
) -> FieldReading:
    shares.sort(key=lambda one: -one.probability)
    return judge(
        reading.field,
        value,
        # The reading may be so doubtful that only other combinations were weighed.
        dict(shares).get(value, 0.0),
        accept_above,
        cells=reading.cells,
        candidates=tuple(shares),
        note=joined(notes),
        needs_review=needs_review,
    )


def _in_words(rules: Sequence[Rule]) -> str:
    return " and ".join(f"'{rule.text}'" for rule in rules)


def _listed(values: Values, rules: Sequence[Rule]) -> str:
    names = dict.fromkeys(name for rule in rules for name in rule.names)
    return ", ".join(f"{name} {values[name] or 'blank'}" for name in names)


def _violated(raw: Values, rules: Sequence[Rule]) -> Reason:
    return Reason(ReasonCode.RULE_VIOLATED, f"{_in_words(rules)} does not hold with {_listed(raw, rules)}")


def _changed(name: str, raw: Values, values: Values, rules: Sequence[Rule]) -> Reason:
    read, likeliest = raw[name] or "blank", values[name] or "blank"
    return Reason(
        ReasonCode.RULE_VIOLATED,
        f"read {read}, with which {_in_words(rules)} does not hold; {likeliest} is the likeliest that holds",
    )
