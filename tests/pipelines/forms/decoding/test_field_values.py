"""The value of a field: the best that its constraints admit, honest about how sure it is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING
from pipelines.forms.constraints.field_language import failure
from pipelines.forms.decoding.evidence import WRONGLY_FILLED
from pipelines.forms.decoding.field_values import choose
from pipelines.forms.results import CellReading, judge
from pipelines.forms.template import Field
from tests.readings import ACCEPT, BOX, as_read, cells, comb, read, why

# Cells


@pytest.mark.parametrize("text", ["123", "123__", "__123", "_123_"])
def test_blank_cells_around_a_value_are_no_part_of_it(text: str) -> None:
    reading = read(comb(cells=len(text)), cells(text))
    assert (reading.value, reading.status, why(reading)) == ("123", "ok", None)
    assert len(reading.cells) == len(text) and reading.confidence > 0.99


def test_a_blank_comb_is_blank() -> None:
    assert (read(comb(), cells("____")).value, read(comb(), cells("____")).status) == ("", "ok")
    needed = read(comb(blank=False), cells("____"))
    assert (needed.value, needed.status, why(needed)) == ("", "review", "it is blank, but must be filled in")


def test_a_gap_between_digits_goes_to_a_person() -> None:
    reading = read(comb(), cells("1_34"))
    assert (reading.status, why(reading)) == ("review", "cell 2 is blank between digits")


def test_what_is_no_digit_goes_to_a_person() -> None:
    one, two = read(comb(), cells("12x4")), read(comb(), cells("x2x4"))
    assert (one.status, why(one)) == ("review", "cell 3 does not look like a digit")
    assert (two.status, why(two)) == ("review", "cells 1, 3 do not look like digits")
    assert one.confidence < 0.01


@pytest.mark.parametrize(("text", "value"), [("xx12", "12"), ("12x_", "12"), ("_x12", "12"), ("xxxx", "")])
def test_crossed_cells_are_unused_where_the_form_says_so(text: str, value: str) -> None:
    reading = read(comb(fill="x"), cells(text))
    assert (reading.value, reading.status, why(reading)) == (value, "ok", None)


def test_a_cross_between_digits_is_no_unused_cell() -> None:
    reading = read(comb(fill="x"), cells("1x34"))
    assert (reading.status, why(reading)) == ("review", "cell 2 does not look like a digit")


def test_doubtful_cells_make_a_value_less_sure() -> None:
    reading = read(comb(), cells("1234", doubts={3: {"4": 0.6, "9": 0.38}}))
    assert (reading.value, reading.status, why(reading)) == ("1234", "review", "less sure than 0.95")
    assert reading.confidence == pytest.approx(0.6, abs=0.01)
    assert reading.alternatives[0] == ("1239", pytest.approx(0.38, abs=0.01))


def test_a_model_that_is_never_sure_enough_has_every_value_reviewed() -> None:
    reading = read(comb(), cells("12", sure=1.0), accept_above=ACCEPT_NOTHING)
    assert (reading.status, why(reading)) == ("review", "this model is never sure enough to be accepted unseen")
    blank = judge(comb(), "", 1.0, ACCEPT_NOTHING)
    assert (blank.confidence, blank.status) == (1.0, "review")


def test_a_reader_without_a_class_for_what_is_no_digit() -> None:
    from pipelines.forms.decoding.field_values import read_cells

    rows = [as_read(np.eye(11)[int(digit)]) for digit in "42"]
    plain = [CellReading(one.label, 1.0, BOX, False, one.probabilities[:10]) for one in rows]
    assert read_cells(comb(fill="x"), plain, tuple("0123456789"), ACCEPT).value == "42"


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        (comb(blank=False), "____", "blank_required"),
        (comb(), "1_34", "gap_in_number"),
        (comb(), "1x34", "not_a_digit"),
        (comb(checksum="luhn"), "1234", "constraint_violated"),
    ],
)
def test_programs_tell_reasons_apart_by_their_codes(field: Field, text: str, code: str) -> None:
    reason = read(field, cells(text, sure=0.99)).reason
    assert reason is not None and reason.code == code


# Constraints


def test_a_doubtful_digit_is_mended_by_the_checksum() -> None:
    reading = read(comb(checksum="luhn"), cells("1234", doubts={3: {"4": 0.55, "0": 0.44}}))
    assert (reading.value, reading.status) == ("1230", "ok")
    assert why(reading) == "read 1234, which fails the checksum luhn; 1230 is the likeliest that holds"
    assert 0.95 < reading.confidence < 0.99


def test_a_sure_reading_is_not_mended_unseen() -> None:
    reading = read(comb(checksum="luhn"), cells("1234", sure=0.99), accept_above=0.01)
    assert reading.status == "review"
    assert str(why(reading)).startswith("read 1234, which fails the checksum luhn; ")


@pytest.mark.parametrize("likely", [0.91, 0.95, 0.99, 0.999])
def test_no_threshold_lets_a_sure_reading_be_overruled(likely: float) -> None:
    doubts = {3: {"4": likely, "0": (1 - likely) * 0.99}}
    assert read(comb(checksum="luhn"), cells("1234", doubts=doubts), accept_above=0.0).status == "review"


def test_the_value_may_be_what_stands_there_against_the_rules() -> None:
    reading = read(comb(max=99), cells("1234", sure=0.9999))
    assert (reading.value, reading.status) == ("1234", "review")
    assert why(reading) == "read 1234, which is more than 99; no value near it holds"


def test_a_constraint_that_holds_makes_a_value_surer() -> None:
    doubts = {3: {"0": 0.8, "9": 0.19}}
    free, checked = (read(field, cells("1230", doubts=doubts)) for field in (comb(), comb(checksum="luhn")))
    assert free.status == "review" and checked.status == "ok" and checked.confidence > 0.98


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        (comb(length=(4, 4)), "123_", "read 123, which has 3 digits, not 4"),
        (comb(length=(2, 3)), "1___", "read 1, which has 1 digit, not 2 to 3"),
        (comb(pattern="0.*"), "123_", "read 123, which does not match the pattern 0.*"),
        (comb(min=200), "123_", "read 123, which is less than 200"),
        (comb(allowed=frozenset({"999"})), "123_", "read 123, which is not among the allowed values"),
        (comb(fill="x", blank=False), "xxxx", "read as blank, but it must be filled in"),
    ],
)
def test_what_is_not_admitted_is_told_in_words(field: Field, text: str, told: str) -> None:
    reading = read(field, cells(text))
    assert reading.status == "review" and str(why(reading)).startswith(told)


def account(field: Field, rows: np.ndarray) -> dict[str, float]:
    """Every value's share by trying all that could stand in the cells, crosses among it."""
    weights: dict[str, float] = {}
    for kinds in itertools.product(range(11), repeat=len(rows)):
        signs = "".join("0123456789x"[kind] for kind in kinds)
        value = signs.strip("x") if field.fill else signs
        weights[value] = weights.get(value, 0) + float(np.prod(rows[np.arange(len(rows)), kinds]))
    for value in weights:
        if "x" not in value and failure(field, value) is not None:
            weights[value] *= WRONGLY_FILLED
    return {value: weight / sum(weights.values()) for value, weight in weights.items()}


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        comb,
        pattern=st.none() | st.sampled_from(["[1-5]*", "..?"]),
        max=st.none() | st.integers(0, 900),
        checksum=st.none() | st.just("luhn"),
        fill=st.none() | st.just("x"),
        blank=st.booleans(),
    ),
    st.integers(1, 3),
    st.integers(0, 2**32 - 1),
)
# A value that may lie in several places; and one of which an unlikely place is no small part.
@example(comb(fill="x"), 3, 86)
@example(comb(fill="x", max=5, blank=False), 3, 393)
def test_value_and_confidence_are_those_of_a_full_account(field: Field, count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.full(11, 0.4), count)
    reading = read(field, [as_read(row) for row in rows])
    shares = account(field, rows)
    numbers = {value: share for value, share in shares.items() if "x" not in value}
    assert reading.value is not None
    assert reading.confidence == pytest.approx(shares[reading.value], rel=0.02, abs=1e-3)
    assert numbers[reading.value] == pytest.approx(max(numbers.values()), rel=0.02, abs=1e-3)
    for value, probability in reading.alternatives:
        assert probability == pytest.approx(shares[value], rel=0.02, abs=1e-3)


# Free numbers


def number(**constraints: object) -> Field:
    return Field("number", "number", BOX, **constraints)  # type: ignore[arg-type]


def test_the_best_number_that_is_admitted_is_chosen() -> None:
    found = [("123", 0.6), ("128", 0.35), ("12", 0.04)]
    free, bound = choose(number(), found, ACCEPT), choose(number(allowed=frozenset({"128"})), found, ACCEPT)
    assert (free.value, free.confidence, free.status) == ("123", pytest.approx(0.6), "review")
    assert free.alternatives == (("128", pytest.approx(0.35)), ("12", pytest.approx(0.04)))
    assert bound.value == "128"
    assert why(bound) == "read 123, which is not among the allowed values; 128 is the likeliest that holds"


def test_a_sure_number_that_is_not_admitted_goes_to_a_person() -> None:
    reading = choose(number(length=(2, 2)), [("123", 0.98), ("12", 0.01)], 0.0)
    assert reading.status == "review" and str(why(reading)).startswith("read 123, which has 3 digits, not 2")


def test_nothing_found_is_blank() -> None:
    assert (choose(number(), [], ACCEPT).value, choose(number(), [], ACCEPT).status) == ("", "ok")
    assert choose(number(blank=False), [], ACCEPT).status == "review"
    assert choose(number(blank=False), [("", 0.9), ("1", 0.1)], ACCEPT).status == "review"


def test_a_blank_that_may_be_a_digit_is_not_sure() -> None:
    assert choose(number(), [("", 0.6), ("1", 0.4)], ACCEPT).confidence == pytest.approx(0.6)
