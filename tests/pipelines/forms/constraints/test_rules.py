"""What the rules of a form say of the values in its fields."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UsageError
from pipelines.forms.constraints.rules import is_date, parse_rule


def holds(text: str, **values: str) -> bool:
    return parse_rule(text).holds(values)


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("total == a + b", {"total": "042", "a": "12", "b": "30"}),
        ("total==a-b", {"total": "2", "a": "32", "b": "30"}),
        ("a * (b + 2) == 2 * c", {"a": "2", "b": "1", "c": "3"}),
        ("a + b * 2 == 7", {"a": "1", "b": "3"}),
        ("a - 1 - 1 == b", {"a": "3", "b": "1"}),
        ("-a + 5 > 0", {"a": "4"}),
        ("1 <= a < b != 7", {"a": "1", "b": "2"}),
        ("a >= b", {"a": "10", "b": "9"}),
        ("date(day, month, year)", {"day": "29", "month": "02", "year": "24"}),
        (" date ( from, to, class )", {"from": "1", "to": "1", "class": "2000"}),
        ("größe == date", {"größe": "1", "date": "1"}),
    ],
)
def test_rules_that_hold_and_their_fields(rule: str, values: dict[str, str]) -> None:
    assert parse_rule(rule).names and set(parse_rule(rule).names) == set(values)
    assert holds(rule, **values)


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("total == a + b", {"total": "43", "a": "12", "b": "30"}),
        ("a != b", {"a": "7", "b": "07"}),
        ("a < b < c", {"a": "1", "b": "3", "c": "2"}),
        ("date(d, m, y)", {"d": "30", "m": "2", "y": "2024"}),
    ],
)
def test_rules_that_do_not_hold(rule: str, values: dict[str, str]) -> None:
    assert not holds(rule, **values)


@settings(deadline=None)
@given(*[st.integers(0, 500)] * 3)
def test_arithmetic_is_that_of_python(a: int, b: int, c: int) -> None:
    for text in ("a + b * c == 2 * (a - b) - c", "a - b - c <= a * b", "a - (b - c) > c", "a == b == c"):
        assert holds(text, a=str(a), b=str(b), c=str(c)) == eval(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"total": "12", "a": "12", "b": ""}, True),
        ({"total": "42", "a": "12", "b": ""}, False),
        ({"total": "", "a": "12", "b": "30"}, True),
        ({"total": "42", "a": "", "b": ""}, True),
        ({"total": "", "a": "", "b": ""}, True),
    ],
)
def test_a_blank_field_is_nothing(values: dict[str, str], expected: bool) -> None:
    assert holds("total == a + b", **values) is expected


@pytest.mark.parametrize(
    ("day", "month", "year", "expected"),
    [
        ("29", "2", "00", True),
        ("29", "2", "1900", False),
        ("29", "2", "23", False),
        ("31", "12", "1999", True),
        ("31", "11", "1999", False),
        ("0", "1", "1999", False),
        ("1", "13", "1999", False),
        ("1", "1", "199", False),
        ("1", "1", "0000", False),
        ("", "", "", True),
        ("1", "", "99", False),
        ("1", "1", "", False),
    ],
)
def test_dates_are_real_days(day: str, month: str, year: str, expected: bool) -> None:
    assert is_date(day, month, year) is expected


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("a = b", "a comparison such as == is missing at '= b'"),
        ("a + b", "a comparison such as == is missing at its end"),
        ("a == ", "the name of a field is missing at its end"),
        ("a == b c", "it should end before at 'c'"),
        ("(a == b)", "')' is missing at '== b)'"),
        ("a / b == 1", "a comparison such as == is missing at '/ b == 1'"),
        ("a == 'x'", "the name of a field is missing at"),
        ("date(a, b)", "',' is missing at ')'"),
        ("date(1, b, c)", "the name of a field is missing at '1, b, c)'"),
        ("__import__('os') == 1", "rule \"__import__('os') == 1\""),
        ("a.b == 1", "missing at '.b == 1'"),
    ],
)
def test_what_is_no_rule_is_refused_in_words(rule: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_rule(rule)
    assert told in str(refused.value) and "known: names of fields" in str(refused.value)
