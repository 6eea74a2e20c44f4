"""The values a field admits, as a language to search, and an explanation in words when a value is not admitted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pipelines.forms.constraints.checksums import Checksum, checksum, holds
from pipelines.forms.constraints.patterns import (
    NOTHING,
    Expression,
    after,
    matches,
    matches_nothing_more,
    parse_pattern,
)
from pipelines.forms.constraints.search import Automaton, Language, Machine, Nothing, ValueList
from pipelines.forms.template import Field


@dataclass(frozen=True)
class _PatternMachine:
    start: Expression

    def step(self, state: Expression, _: int, digit: int) -> Expression | None:
        following = after(state, digit)
        return None if following == NOTHING else following

    def accepts(self, state: Expression) -> bool:
        return matches_nothing_more(state)


@dataclass(frozen=True)
class _ChecksumMachine:
    checksum: Checksum
    length: int

    @property
    def start(self) -> int:
        return self.checksum.start

    def step(self, state: int, place: int, digit: int) -> int | None:
        return self.checksum.step(state, self.length - 1 - place, digit)

    def accepts(self, state: int) -> bool:
        return state == self.checksum.accepted


@dataclass(frozen=True)
class _RangeMachine:
    """Compares the value with both bounds, padded to equal length; the state tells which bounds it still equals."""

    least: str
    most: str
    start: tuple[bool, bool] = (True, True)

    def step(self, state: tuple[bool, bool], place: int, digit: int) -> tuple[bool, bool] | None:
        along_least, along_most = state
        low, high = int(self.least[place]), int(self.most[place])
        if (along_least and digit < low) or (along_most and digit > high):
            return None
        return along_least and digit == low, along_most and digit == high

    def accepts(self, _: tuple[bool, bool]) -> bool:
        return True


@lru_cache(maxsize=4096)
def language(field: Field, length: int) -> Language:
    """Return the values with `length` digits that the field admits."""
    machines = [*_pattern(field), *_range(field, length), *_checksum(field, length)]
    if None in machines or not _length_fits(field, length):
        return Nothing()
    automaton = Automaton([machine for machine in machines if machine], length)
    if field.allowed is None:
        return automaton
    values = sorted(value for value in field.allowed if len(value) == length)
    return ValueList([value for value in values if not machines or automaton.accepts(value)], length)


def _length_fits(field: Field, length: int) -> bool:
    return field.length is None or field.length[0] <= length <= field.length[1]


def _pattern(field: Field) -> list[Machine | None]:
    return [_PatternMachine(parse_pattern(field.pattern))] if field.pattern is not None else []


def _range(field: Field, length: int) -> list[Machine | None]:
    if field.min is None and field.max is None:
        return []
    highest = 10**length - 1
    least, most = max(field.min or 0, 0), highest if field.max is None else min(field.max, highest)
    return [_RangeMachine(f"{least:0{length}}", f"{most:0{length}}") if least <= most else None]


def _checksum(field: Field, length: int) -> list[Machine | None]:
    if field.checksum is None:
        return []
    machine = checksum(field.checksum, length)
    return [_ChecksumMachine(machine, length) if machine else None]


def failure(field: Field, value: str) -> str | None:
    """Explain why the field does not admit the value, to follow 'read 1234, which'; None if it is admitted."""
    if not value:
        return None if field.blank else "must be filled in"
    if not _length_fits(field, len(value)):
        return f"has {count_of_digits(len(value))}, not {length_in_words(field)}"
    if field.pattern is not None and not matches(field.pattern, value):
        return f"does not match the pattern {field.pattern}"
    if field.min is not None and int(value) < field.min:
        return f"is less than {field.min}"
    if field.max is not None and int(value) > field.max:
        return f"is more than {field.max}"
    if field.checksum is not None and not holds(field.checksum, value):
        return f"fails the checksum {field.checksum}"
    if field.allowed is not None and value not in field.allowed:
        return "is not among the allowed values"
    return None


def count_of_digits(count: int) -> str:
    return f"{count} digit{'s' * (count != 1)}"


def length_in_words(field: Field) -> str:
    least, most = field.length or (1, field.cells or 0)
    return str(least) if least == most else f"{least} to {most}"
