"""The search finds what trying every value finds."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.forms.constraints.checksums import holds
from pipelines.forms.constraints.field_language import failure, language
from pipelines.forms.template import Field
from tests.readings import comb

fields = st.builds(
    comb,
    cells=st.just(3),
    length=st.none() | st.sampled_from([(2, 3), (1, 2)]),
    pattern=st.none() | st.sampled_from([r"\d*[05]", "1?[2-4]+", r"(12|\d)+", "0.*"]),
    min=st.none() | st.integers(0, 300),
    max=st.none() | st.integers(0, 1200),
    checksum=st.none() | st.sampled_from(["luhn", "mod11", "mod97", "verhoeff"]),
    allowed=st.none() | st.frozensets(st.from_regex("[0-9]{1,3}", fullmatch=True), min_size=1, max_size=40),
)


@st.composite
def tables(draw: st.DrawFn, length: int) -> NDArray[np.float64]:
    """Probabilities [length, 10] without two equal products."""
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).dirichlet(np.full(10, 0.3), length) + 1e-6


def admits(field: Field, value: str) -> bool:
    """As a template's author would say it."""
    return (
        (field.length is None or field.length[0] <= len(value) <= field.length[1])
        and (field.pattern is None or re.fullmatch(field.pattern, value) is not None)
        and (field.min is None or int(value) >= field.min)
        and (field.max is None or int(value) <= field.max)
        and (field.checksum is None or holds(field.checksum, value))
        and (field.allowed is None or value in field.allowed)
    )


def every_value(length: int) -> Iterator[str]:
    return map("".join, itertools.product("0123456789", repeat=length))


@settings(deadline=None, max_examples=40)
@given(fields, st.integers(1, 3), st.data())
def test_it_finds_what_trying_every_value_finds(field: Field, length: int, data: st.DataObject) -> None:
    digits = data.draw(tables(length))
    weights = {
        value: float(np.prod([row[int(digit)] for row, digit in zip(digits, value, strict=True)]))
        for value in every_value(length)
        if admits(field, value)
    }
    found = language(field, length).search(digits, 5)
    assert found.total == pytest.approx(sum(weights.values()))
    expected = [
        value for value in sorted(weights, key=lambda one: -weights[one])[:5] if weights[value] > 2e-6 * found.total
    ]
    assert [value for value, _ in found.best][: len(expected)] == expected
    assert all(weight == pytest.approx(weights[value]) for value, weight in found.best)


@settings(deadline=None, max_examples=30)
@given(fields, st.integers(1, 3))
def test_what_is_admitted_has_no_failure_and_is_in_the_language(field: Field, length: int) -> None:
    admitted = {value for value in every_value(length) if admits(field, value)}
    assert {value for value in every_value(length) if failure(field, value) is None} == admitted
    within = language(field, length)
    assert {value for value in every_value(length) if within.accepts(value)} == admitted
    assert within.empty is (not admitted)


def test_sure_cells_that_contradict_everything_do_not_make_it_search_long() -> None:
    """A search by the cells alone would try ten to the fifteenth values."""
    digits = np.full((18, 10), 1e-9)
    digits[:, 7] = 1
    field = comb(cells=18, pattern=r"1234\d*", min=123400000000000000, checksum="mod97")
    started = time.process_time()
    best = language(field, 18).search(digits, 16).best
    assert time.process_time() - started < 20
    assert len(best) == 16 and all(failure(field, value) is None for value, _ in best)


def test_a_hundred_thousand_allowed_values_are_weighed_in_a_moment() -> None:
    allowed = frozenset(f"{7 * number:09d}" for number in range(100_000))
    field = comb(cells=9, allowed=allowed)
    digits = np.full((9, 10), 0.01)
    digits[np.arange(9), [0, 0, 0, 6, 9, 9, 9, 9, 3]] = 0.91
    language(field, 9)
    started = time.process_time()
    best = language(dataclasses.replace(field), 9).search(digits, 3).best[0]
    assert time.process_time() - started < 0.5
    assert best.value == "000699993"


@pytest.mark.parametrize("length", [8, 20, 40])
def test_there_is_a_best_value_even_where_nothing_looks_like_a_digit(length: int) -> None:
    """Each value is then a tiny part of the weight of all."""
    digits = np.full((length, 10), 1e-6)
    digits[:, 3] = 1.1e-6
    assert language(comb(cells=length), length).search(digits, 1).best[0].value == "3" * length
