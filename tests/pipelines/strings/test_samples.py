"""Lines to learn from: the same for the same seed, and of all kinds."""

from __future__ import annotations

import numpy as np

from pipelines.strings.line import HEIGHT
from pipelines.strings.samples import LONGEST, draw_lines
from tests.digits import builtin


def test_a_seed_draws_the_same_lines_and_another_draws_others() -> None:
    first, again, other = (draw_lines(6, seed, builtin().train, 0.1) for seed in ((3, 1), (3, 1), (3, 2)))
    assert [line.digits for line in first] == [line.digits for line in again] != [line.digits for line in other]
    assert all(np.array_equal(one.picture, two.picture) for one, two in zip(first, again, strict=True))


def test_they_are_numbers_of_many_lengths_in_the_form_of_lines() -> None:
    lines = draw_lines(60, 0, builtin().train, 0.0)
    assert {len(line.digits) for line in lines} <= set(range(1, LONGEST + 1))
    assert len({len(line.digits) for line in lines}) > 4
    assert all(line.picture.shape[0] == HEIGHT and line.picture.any() for line in lines)
    assert {digit for line in lines for digit in line.digits} == set("0123456789")


def test_what_is_no_number_says_nothing() -> None:
    assert [line.digits for line in draw_lines(8, 0, builtin().train, 1.0)] == [""] * 8
    some = draw_lines(60, 1, builtin().train, 0.5)
    assert 10 < sum(not line.digits for line in some) < 50
