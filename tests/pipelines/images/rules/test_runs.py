from __future__ import annotations

import numpy as np

from pipelines.images.rules.fitting import medians
from pipelines.images.rules.runs import MOST, InkRuns, runs_across


def ink_in(rows: slice, height: int = 60, width: int = 20) -> np.ndarray:
    ink = np.zeros((height, width), np.uint8)
    ink[rows, 10] = 1
    return ink


def run_at(ink: np.ndarray, column: int, place: float) -> InkRuns:
    return runs_across(ink, np.array([column]), np.array([place]))


def test_a_run_reaches_from_its_first_row_to_its_last() -> None:
    seen = run_at(ink_in(slice(25, 31)), 10, 27.2)
    assert (seen.there[0], seen.first[0], seen.last[0]) == (True, -2, 3)


def test_a_run_next_to_the_path_counts() -> None:
    above, below = run_at(ink_in(slice(20, 27)), 10, 27), run_at(ink_in(slice(28, 34)), 10, 27)
    assert (above.there[0], above.first[0], above.last[0]) == (True, -7, -1)
    assert (below.there[0], below.first[0], below.last[0]) == (True, 1, 6)
    assert not run_at(ink_in(slice(29, 34)), 10, 27).there[0]


def test_a_run_is_followed_so_far_and_no_farther() -> None:
    seen = run_at(ink_in(slice(0, 60)), 10, 30)
    assert (seen.first[0], seen.last[0]) == (-MOST, MOST)


def test_beyond_the_picture_there_is_paper() -> None:
    ink = np.ones((60, 20), np.uint8)
    for column, place in ((-1, 30), (20, 30), (10, -2), (10, -300), (10, 61), (10, 900), (-50, -50)):
        assert not run_at(ink, column, place).there[0]
    edge = run_at(ink, 19, -1)
    assert (edge.there[0], edge.first[0]) == (True, 1)


def test_medians_leave_out_what_is_not_known() -> None:
    rows = np.array([[3, np.nan, 1, 2], [np.nan, 4, 8, np.nan], [7, np.nan, np.nan, np.nan], [np.nan] * 4])
    assert np.array_equal(medians(rows), [2, 6, 7, np.nan], equal_nan=True)
