"""Regular expressions over digits as state machines that read a value from the left, one digit per step.

A state is the expression that the rest of the value must match: the derivative of the pattern by the digits read so
far (Brzozowski 1964). This shows at every digit whether any value can still match. The library regex matches the
beginning of a value too, but gives no states, by which the search merges values that go on alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pipelines.errors import UsageError

KNOWN = "digits, ., \\d, [...], (...), |, ?, *, + and {m,n}"
ALL = frozenset(range(10))
DEEPEST = 20
"""The maximum nesting depth of brackets."""
QUANTIFIER = re.compile(r"([?*+]|\{(\d*)(,?)(\d*)\})\??")


@dataclass(frozen=True)
class DigitSet:
    digits: frozenset[int]


@dataclass(frozen=True)
class Sequence:
    head: Expression
    tail: Expression


@dataclass(frozen=True)
class Choice:
    options: frozenset[Expression]


@dataclass(frozen=True)
class Repeat:
    part: Expression
    least: int
    most: int | None


@dataclass(frozen=True)
class End:
    """Matches the empty remainder."""


Expression = DigitSet | Sequence | Choice | Repeat | End
END, NOTHING = End(), Choice(frozenset())


def _sequence(head: Expression, tail: Expression) -> Expression:
    """Build a right-nested sequence, so that equal expressions are equal objects and there are few states."""
    if head == NOTHING or tail == NOTHING:
        return NOTHING
    if head == END or tail == END:
        return tail if head == END else head
    return Sequence(head.head, _sequence(head.tail, tail)) if isinstance(head, Sequence) else Sequence(head, tail)


def _choice(*options: Expression) -> Expression:
    flat = frozenset(one for option in options for one in (option.options if isinstance(option, Choice) else (option,)))
    return next(iter(flat)) if len(flat) == 1 else Choice(flat)


def _repeat(part: Expression, least: int, most: int | None) -> Expression:
    return END if most == 0 or part == END else Repeat(part, least, most)


def matches_nothing_more(state: Expression) -> bool:
    """Return whether the value may end here."""
    match state:
        case Sequence(head, tail):
            return matches_nothing_more(head) and matches_nothing_more(tail)
        case Choice(options):
            return any(map(matches_nothing_more, options))
        case Repeat(part, least, _):
            return least == 0 or matches_nothing_more(part)
    return isinstance(state, End)


@lru_cache(maxsize=65536)
def after(state: Expression, digit: int) -> Expression:
    """Return what the rest must match after this digit."""
    match state:
        case DigitSet(digits):
            return END if digit in digits else NOTHING
        case Sequence(head, tail):
            past_head = _sequence(after(head, digit), tail)
            return _choice(past_head, after(tail, digit)) if matches_nothing_more(head) else past_head
        case Choice(options):
            return _choice(*(after(option, digit) for option in options))
        case Repeat(part, least, most):
            rest = _repeat(part, max(least - 1, 0), None if most is None else most - 1)
            return _sequence(after(part, digit), rest)
    return NOTHING


@lru_cache(maxsize=1024)
def parse_pattern(text: str) -> Expression:
    """Parse the pattern into an expression; a UsageError names the part that is not supported."""
    return _Parser(text).parse()


def matches(text: str, value: str) -> bool:
    state = parse_pattern(text)
    for digit in value:
        state = after(state, int(digit))
    return matches_nothing_more(state)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0

    def parse(self) -> Expression:
        found = self._options()
        if self._at < len(self._text):
            raise self._wrong("a bracket closes that was not opened")
        return found

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"pattern '{self._text}', character {self._at + 1}: {what}; known: {KNOWN}")

    def _take(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) * found
        return found

    def _next(self) -> str:
        if self._at == len(self._text):
            raise self._wrong("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _options(self) -> Expression:
        found = [self._parts()]
        while self._take("|"):
            found.append(self._parts())
        return _choice(*found)

    def _parts(self) -> Expression:
        parts: list[Expression] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._quantified(self._atom()))
        whole: Expression = END
        for part in reversed(parts):
            whole = _sequence(part, whole)
        return whole

    def _quantified(self, part: Expression) -> Expression:
        found = QUANTIFIER.match(self._text, self._at)
        if not found or found[0].startswith("{}") or found[0].startswith("{,}"):
            return part
        sign, least, comma, most = found.groups()
        self._at = found.end()
        if self._text[self._at : self._at + 1] in ("?", "*", "+"):
            raise self._wrong("a sign of repetition follows another")
        if sign in "?*+":
            return _repeat(part, int(sign == "+"), 1 if sign == "?" else None)
        highest = (int(most) if most else None) if comma else int(least)
        if highest is not None and highest < int(least or 0):
            raise self._wrong("the most is less than the least")
        return _repeat(part, int(least or 0), highest)

    def _atom(self) -> Expression:
        at, sign = self._at, self._next()
        if sign == "(":
            return self._group()
        if sign == "[":
            return DigitSet(self._set())
        if (sign == "^" and at == 0) or (sign == "$" and self._at == len(self._text)):
            return END
        if sign in "^$?*+{}":
            self._at = at
            raise self._wrong(f"{sign!r} cannot stand here")
        return DigitSet(ALL if sign == "." else self._escaped() if sign == "\\" else self._literal(sign))

    def _group(self) -> Expression:
        if not self._take("?:") and self._text.startswith("?", self._at):
            raise self._wrong("only plain groups are known")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("brackets are nested too deeply")
        found = self._options()
        self._depth -= 1
        if not self._take(")"):
            raise self._wrong("a bracket is not closed")
        return found

    def _escaped(self) -> frozenset[int]:
        sign = self._next()
        if sign == "d":
            return ALL
        if sign.isalnum():
            self._at -= 2
            raise self._wrong(f"'\\{sign}' is not known")
        return frozenset()

    @staticmethod
    def _literal(sign: str) -> frozenset[int]:
        """A character that is not a digit is never read, so it matches nothing."""
        return frozenset({int(sign)}) if sign in "0123456789" else frozenset()

    def _set(self) -> frozenset[int]:
        inverted, found = self._take("^"), frozenset[int]()
        if self._take("]"):
            raise self._wrong("a set is empty")
        while not self._take("]"):
            found |= self._member()
        return ALL - found if inverted else found

    def _member(self) -> frozenset[int]:
        sign = self._next()
        if sign == "\\":
            return self._escaped()
        ranged = re.compile(r"-([^]\\])").match(self._text, self._at)
        if not ranged:
            return self._literal(sign)
        self._at = ranged.end()
        if ranged[1] < sign:
            raise self._wrong(f"the range {sign}-{ranged[1]} runs backwards")
        return frozenset(digit for digit in ALL if sign <= str(digit) <= ranged[1])
