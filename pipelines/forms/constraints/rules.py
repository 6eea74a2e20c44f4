"""Rules across the fields of a form: `total == a + b`, `1 <= a < b * 2`, `date(day, month, year)`.

A blank field has no value. In a sum it counts as 0, because people with no cents to enter leave the box empty; but a
comparison with an entirely blank side has nothing to compare and always holds. A partly blank date is invalid; an
entirely blank one was omitted and holds.
"""

from __future__ import annotations

import datetime
import itertools
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipelines.errors import UsageError

KNOWN = "names of fields, whole numbers, + - * ( ), == != < <= > >=, date(day, month, year)"
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
TOKEN = re.compile(r"(\d+|[^\W\d]\w*|[=!<>]=|[<>+*(),-])\s*")

Values = Mapping[str, str]
Amount = Callable[[Values], int | None]
"""A whole number, or None if all fields it is computed from are blank."""


@dataclass(frozen=True)
class Rule:
    text: str
    names: tuple[str, ...]
    """The fields that the rule uses, in order of appearance."""
    holds: Callable[[Values], bool]
    """Return whether the rule holds for these values: digits, or an empty string for a blank field."""


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Rule:
    """Parse the rule; a UsageError names the part that is not supported."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, len(text) - len(text.lstrip())
        self._names: dict[str, None] = {}

    def parse(self) -> Rule:
        holds = self._date() if re.match(r"\s*date\s*\(", self._text) else self._comparison()
        if self._at < len(self._text):
            raise self._wrong("it should end before")
        return Rule(self._text.strip(), tuple(self._names), holds)

    def _wrong(self, what: str) -> UsageError:
        rest = self._text[self._at :]
        where = f"at {rest!r}" if rest else "at its end"
        return UsageError(f"rule {self._text.strip()!r}: {what} {where}; known: {KNOWN}")

    def _peek(self) -> str:
        found = TOKEN.match(self._text, self._at)
        return found[1] if found else ""

    def _next(self) -> str:
        found = TOKEN.match(self._text, self._at)
        if not found:
            raise self._wrong("nothing known stands")
        self._at = found.end()
        return found[1]

    def _take(self, *tokens: str) -> str:
        return self._next() if self._peek() in tokens else ""

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise self._wrong(f"{token!r} is missing")

    def _name(self) -> str:
        if not re.match(r"[^\W\d]", self._peek()):
            raise self._wrong("the name of a field is missing")
        name = self._next()
        self._names[name] = None
        return name

    def _date(self) -> Callable[[Values], bool]:
        self._next()
        self._need("(")
        day = self._name()
        self._need(",")
        month = self._name()
        self._need(",")
        year = self._name()
        self._need(")")
        return lambda values: is_date(values[day], values[month], values[year])

    def _comparison(self) -> Callable[[Values], bool]:
        sides, signs = [self._sum()], list[str]()
        while sign := self._take(*COMPARISONS):
            signs.append(sign)
            sides.append(self._sum())
        if not signs:
            raise self._wrong("a comparison such as == is missing")
        return lambda values: _compare([side(values) for side in sides], signs)

    def _sum(self) -> Amount:
        total = self._product()
        while sign := self._take("+", "-"):
            total = _added(total, self._product(), 1 if sign == "+" else -1)
        return total

    def _product(self) -> Amount:
        product = self._factor()
        while self._take("*"):
            product = _multiplied(product, self._factor())
        return product

    def _factor(self) -> Amount:
        if self._take("-"):
            return _multiplied(lambda _: -1, self._factor())
        if self._take("("):
            inner = self._sum()
            self._need(")")
            return inner
        if self._peek().isdecimal():
            number = int(self._next())
            return lambda _: number
        name = self._name()
        return lambda values: int(values[name]) if values[name] else None


def _added(left: Amount, right: Amount, sign: int) -> Amount:
    def add(values: Values) -> int | None:
        first, second = left(values), right(values)
        return None if first is None and second is None else (first or 0) + sign * (second or 0)

    return add


def _multiplied(left: Amount, right: Amount) -> Amount:
    def multiply(values: Values) -> int | None:
        first, second = left(values), right(values)
        return None if first is None or second is None else first * second

    return multiply


def _compare(sides: Sequence[int | None], signs: Sequence[str]) -> bool:
    pairs = zip(itertools.pairwise(sides), signs, strict=True)
    return all(a is None or b is None or COMPARISONS[sign](a, b) for (a, b), sign in pairs)


def is_date(day: str, month: str, year: str) -> bool:
    """Return whether the day exists; the year has four digits, or two that may belong to either century."""
    if not (day or month or year):
        return True
    if not (day and month and len(year) in (2, 4)):
        return False
    years = [int(year)] if len(year) == 4 else [1900 + int(year), 2000 + int(year)]
    return any(_exists(one, int(month), int(day)) for one in years)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
