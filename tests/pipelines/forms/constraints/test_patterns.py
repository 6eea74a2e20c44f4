"""Patterns admit what the standard library's regular expressions match, over digits."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UsageError
from pipelines.forms.constraints.patterns import matches, parse_pattern

SHORT = ["".join(digits) for length in range(4) for digits in itertools.product("0139", repeat=length)]

atoms = st.sampled_from(["0", "1", "3", r"\d", ".", "[01]", "[^1]", "[0-3]", "[^0-2]", r"[\d]", "-", r"\."])
signs = st.sampled_from(["", "?", "*", "+", "{2}", "{1,2}", "{,2}", "{2,}", "*?"])
patterns = st.recursive(
    st.builds(str.__add__, atoms, signs),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?:{}){}".format, inner, signs),
        st.builds("({}|)".format, inner),
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(patterns)
def test_it_matches_what_the_standard_library_matches(pattern: str) -> None:
    expected = {value for value in SHORT if re.fullmatch(pattern, value)}
    assert {value for value in SHORT if matches(pattern, value)} == expected


@pytest.mark.parametrize(
    ("pattern", "value"), [("^12$", "12"), ("^1|2$", "2"), ("0{3}1", "0001"), ("[0-9]{4,}", "12345")]
)
def test_usual_patterns(pattern: str, value: str) -> None:
    assert matches(pattern, value) and not matches(pattern, "9")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(12", "character 4: a bracket is not closed"),
        ("12)", "character 3: a bracket closes that was not opened"),
        ("[12", "ends too early"),
        ("[]", "a set is empty"),
        ("[3-1]", "the range 3-1 runs backwards"),
        ("1{3,2}", "the most is less than the least"),
        ("*1", "character 1: '*' cannot stand here"),
        ("1**", "a sign of repetition follows another"),
        ("1^2", "'^' cannot stand here"),
        (r"\w", r"'\w' is not known"),
        (r"(1)\1", r"'\1' is not known"),
        ("(?=1)", "only plain groups are known"),
        ("1{", "'{' cannot stand here"),
        ("\\", "ends too early"),
        ("(" * 200, "brackets are nested too deeply"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(pattern: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_pattern(pattern)
    assert told in str(refused.value)


def test_a_pattern_of_many_repetitions_is_no_trap() -> None:
    assert not matches("(1+)+2", "1" * 40)
    assert matches("(1|11|111)*", "1" * 40)
