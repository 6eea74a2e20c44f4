"""Check digits: numbers that are known to hold, and the mistakes that each scheme promises to find."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.forms.constraints.checksums import CHECKSUMS, holds
from pipelines.forms.template import CHECKSUMS as NAMED
from pipelines.forms.templates.schema import SCHEMA

KNOWN = {
    "luhn": ["79927398713", "4111111111111111", "18"],
    "mod97": ["3214282912345698765432161182", "79444"],
    "mod11": ["0306406152", "080442957X"],
    "verhoeff": ["2363", "123451"],
    "isbn": ["0306406152", "9780306406157", "9783161484100", "080442957X", "097522980x"],
}
LENGTHS = {"luhn": (2, 12), "mod97": (3, 12), "mod11": (2, 10), "verhoeff": (2, 12), "isbn": (10, 10)}


def held_number(name: str, body: str) -> str:
    """The number with the check digits that make it hold; some have none among the digits."""
    count = 2 if name == "mod97" else 1
    checks = map("".join, itertools.product("0123456789", repeat=count))
    held = [body[:-count] + check for check in checks if holds(name, body[:-count] + check)]
    assume(held)
    return held[0]


@st.composite
def held_numbers(draw: st.DrawFn, name: str) -> str:
    least, most = LENGTHS[name]
    return held_number(name, draw(st.text("0123456789", min_size=least, max_size=most)))


def test_templates_know_every_scheme() -> None:
    assert set(NAMED) == set(CHECKSUMS) == set(SCHEMA["$defs"]["field"]["properties"]["checksum"]["enum"])


@pytest.mark.parametrize(("name", "number"), [(name, number) for name, known in KNOWN.items() for number in known])
def test_numbers_that_are_known_to_hold(name: str, number: str) -> None:
    assert holds(name, number)


@pytest.mark.parametrize("name", sorted(CHECKSUMS))
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_single_wrong_digit_is_found(name: str, data: st.DataObject) -> None:
    number = data.draw(held_numbers(name))
    at = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[at]]))
    assert not holds(name, number[:at] + wrong + number[at + 1 :])


@pytest.mark.parametrize("name", ["mod97", "mod11", "verhoeff", "isbn"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_two_neighbours_exchanged_are_found(name: str, data: st.DataObject) -> None:
    number = data.draw(held_numbers(name))
    at = data.draw(st.integers(0, len(number) - 2))
    assume(number[at] != number[at + 1])
    assert not holds(name, number[:at] + number[at + 1] + number[at] + number[at + 2 :])


@pytest.mark.parametrize("at", range(13))
def test_every_single_wrong_digit_of_a_long_isbn_is_found(at: int) -> None:
    number = "9780306406157"
    wrong = [number[:at] + digit + number[at + 1 :] for digit in "0123456789" if digit != number[at]]
    assert not any(holds("isbn", one) for one in wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, "") for name in sorted(CHECKSUMS)],
        *[(name, "0") for name in sorted(CHECKSUMS)],
        *[("luhn", "12a"), ("luhn", "1X"), ("luhn", "１８"), ("mod97", "01"), ("isbn", "030640615"), ("mod11", "X")],
        *[("isbn", "1234567890128"), ("isbn", "978030640615X")],
    ],
)
def test_what_is_no_such_number_does_not_hold(name: str, value: str) -> None:
    assert not holds(name, value)
