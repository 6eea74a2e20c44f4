from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.evaluation.metrics import calibration_error, score, wilson


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def truths(text: str) -> np.ndarray:
    return np.array([mark == "+" for mark in text])


THREE = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]], np.float32)


def test_scores_of_four_images_by_hand() -> None:
    scores = score(THREE, np.array([0, 1, 1, 2], np.uint8))
    assert scores.count == 4
    assert scores.accuracy == 0.75
    assert scores.confusion == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert scores.per_class == [1.0, 0.5, 1.0]
    assert scores.loss == pytest.approx(-np.log([0.7, 0.6, 0.4, 0.6]).mean(), rel=1e-6)
    assert scores.interval == wilson(3, 4)
    assert scores.sentence() == "75.00 % (30.06-95.44)"


def test_a_class_that_is_not_there_has_no_accuracy_and_the_scores_are_still_json() -> None:
    scores = score(THREE, np.array([0, 1, 1, 1], np.uint8))
    assert scores.per_class[:2] == [1.0, pytest.approx(1 / 3)]
    assert math.isnan(scores.per_class[2])
    as_json = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert as_json["per_class"] == [1.0, pytest.approx(1 / 3), None]


def test_a_certain_mistake_has_a_large_but_finite_loss() -> None:
    assert score(floats([1, 0]), np.array([1], np.uint8)).loss == pytest.approx(-math.log(1e-12), rel=1e-3)


def test_an_empty_split_cannot_be_scored() -> None:
    with pytest.raises(DataError, match=r"^There is nothing to score: the split has no images\.$"):
        score(np.empty((0, 0), np.float32), np.empty(0, np.uint8))


def test_a_label_outside_the_classes_cannot_be_scored() -> None:
    with pytest.raises(DataError, match=r"^A label is 3, but the model knows the classes 0 to 2\.$"):
        score(THREE, np.array([0, 1, 3, 2], np.uint8))


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_wilson_gives_the_published_intervals(right: int, count: int, low: float, high: float) -> None:
    """The four examples that intervals of a share are usually compared on (Newcombe, 1998, method 3)."""
    assert wilson(right, count) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@settings(deadline=None)
@given(st.integers(1, 10_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_wilson_holds_the_share_and_stays_within_0_and_1(case: tuple[int, int]) -> None:
    right, count = case
    low, high = wilson(right, count)
    assert 0 <= low <= right / count + 1e-12
    assert right / count - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        (floats(1, 1, 1, 1), "++++", 0.0),
        (floats(1, 1, 1, 1), "++--", 0.5),
        (floats(0.75, 0.75, 0.75, 0.75), "+++-", 0.0),
        # Two bins: 0.6 with one of two right is off by 0.1, 0.9 with both right by 0.1.
        (floats(0.6, 0.6, 0.9, 0.9), "+-++", 0.1),
        # Over- and underconfidence in one bin cancel, in two bins they add up.
        (floats(0.61, 0.61, 0.65, 0.65), "++-+", 0.12),
        (floats(0.55, 0.55, 0.95, 0.95), "++-+", 0.45),
    ],
)
def test_calibration_error_by_hand(confidence: np.ndarray, right: str, error: float) -> None:
    assert calibration_error(confidence, truths(right)) == pytest.approx(error, abs=1e-6)
