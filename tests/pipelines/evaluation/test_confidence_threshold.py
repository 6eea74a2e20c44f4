from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.evaluation.confidence_threshold import ACCEPT_NOTHING, ENOUGH, accepted_unseen, format_accepted
from pipelines.evaluation.metrics import score


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def truths(text: str) -> np.ndarray:
    return np.array([mark == "+" for mark in text])


@pytest.mark.parametrize(
    ("confidence", "right", "precision", "share", "above"),
    [
        (floats(0.9, 0.8, 0.7, 0.6), "++++", 0.999, 1.0, 0.6),
        (floats(0.9, 0.8, 0.7, 0.6), "++-+", 0.999, 0.5, 0.8),
        (floats(0.6, 0.7, 0.8, 0.9), "+-++", 0.999, 0.5, 0.8),
        # The surest is wrong: nothing can be accepted.
        (floats(0.9, 0.8, 0.7, 0.6), "-+++", 0.999, 0.0, ACCEPT_NOTHING),
        # It recovers: three of four are right from 0.6 on, though one of two from 0.8 on.
        (floats(0.9, 0.8, 0.7, 0.6), "+-++", 0.75, 1.0, 0.6),
        # One of the equals is wrong, so none of them can be accepted, wherever it stands among them.
        (floats(0.9, 0.8, 0.8, 0.8), "+++-", 0.999, 0.25, 0.9),
        (floats(0.9, 0.8, 0.8, 0.8), "+-++", 0.999, 0.25, 0.9),
        (floats(1, 1, 1, 1), "+++-", 0.999, 0.0, ACCEPT_NOTHING),
        (floats(1, 1, 1, 1), "+++-", 0.75, 1.0, 1.0),
    ],
)
def test_accepted_unseen_by_hand(
    confidence: np.ndarray, right: str, precision: float, share: float, above: float
) -> None:
    assert accepted_unseen(confidence, truths(right), precision) == (share, pytest.approx(above, abs=5e-8))


def test_where_nothing_can_be_accepted_even_a_confidence_of_1_is_too_low() -> None:
    confidence = floats(1, 1, 1, 1, 0.9)
    share, above = accepted_unseen(confidence, truths("+++-+"))
    assert share == 0
    assert (confidence < above).all() and (confidence.astype(float) < above).all()


def scored(count: int, wrong: int) -> tuple[float | None, float | None]:
    """So many images, of which the least sure are read wrong."""
    sure = np.linspace(1, 0.55, count, dtype=np.float32)
    scores = score(np.stack([sure, 1 - sure], 1), (np.arange(count) >= count - wrong).astype(np.uint8))
    return scores.accepted_share, scores.accepted_above


def test_a_threshold_is_given_only_where_there_were_images_enough_to_tell() -> None:
    assert scored(30, wrong=0) == scored(ENOUGH - 1, wrong=0) == (None, None)
    assert scored(ENOUGH, wrong=0) == (1.0, pytest.approx(0.55))
    share, above = scored(ENOUGH, wrong=400)
    assert share == pytest.approx(599 / 999) and above is not None and 0.55 < above < 1


def test_what_can_be_accepted_is_told_in_words() -> None:
    assert format_accepted(0.987, 0.88759) == "98.7 % (confidence 0.8876 and above)"
    assert format_accepted(0.0, ACCEPT_NOTHING) == "none, however sure"
    assert format_accepted(None, None) == "not known from fewer than 999 images"


def test_999_of_1000_is_precise_enough() -> None:
    confidence = np.linspace(1, 0.5, 1000, dtype=np.float32)
    right = np.arange(1000) != 998
    assert accepted_unseen(confidence, right)[0] == 1.0
    right[500] = False
    assert accepted_unseen(confidence, right)[0] == 0.5


cases = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(cases, st.sampled_from([0.5, 0.75, 0.9, 0.999]))
def test_accepted_unseen_is_what_trying_every_threshold_finds(case: list[tuple[int, bool]], precision: float) -> None:
    confidence = np.array([level / 8 for level, _ in case], np.float32)
    right = np.array([good for _, good in case])
    share, above = accepted_unseen(confidence, right, precision)
    tried = [confidence >= threshold for threshold in np.unique(confidence)]
    assert share == max((taken.mean() for taken in tried if right[taken].mean() >= precision), default=0.0)
    assert (confidence >= above).mean() == share
