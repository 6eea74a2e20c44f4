"""What frames say is the sum of all the ways to spell it."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
import pytest

from pipelines.strings import ctc
from pipelines.strings.ctc import BLANK, DIGITS, Frames, align, beam_search


def frames_that_say(*said: int | None, sure: float = 0.9) -> Frames:
    frames = np.full((len(said), 11), (1 - sure) / 10, np.float32)
    for frame, digit in zip(frames, said, strict=True):
        frame[BLANK if digit is None else digit] = sure
    return frames


def spelt(said: tuple[int, ...]) -> str:
    before = (BLANK, *said)
    return "".join(DIGITS[one] for one, last in zip(said, before, strict=False) if one not in (last, BLANK))


@pytest.mark.parametrize("seed", range(4))
def test_each_value_has_the_probability_of_all_its_ways(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(seed).dirichlet(np.full(11, 0.3), 4).astype(np.float32)
    expected: dict[str, float] = defaultdict(float)
    for said in product(range(11), repeat=4):
        expected[spelt(said)] += float(np.prod([frames[place, one] for place, one in enumerate(said)]))
    for name, wide in {"BEAM_WIDTH": 10**6, "MAX_PREFIXES": 10**6, "TOP_DIGITS": 10, "MIN_PROBABILITY": 0.0}.items():
        monkeypatch.setattr(ctc, name, wide)
    found = beam_search(frames)
    assert {value.digits: value.probability for value in found} == pytest.approx(
        {digits: probability for digits, probability in expected.items() if probability}, abs=1e-6
    )
    assert [value.probability for value in found] == sorted((value.probability for value in found), reverse=True)


def test_what_is_followed_is_enough_for_what_is_likely() -> None:
    frames = np.random.default_rng(0).dirichlet(np.full(11, 0.1), 60).astype(np.float32)
    assert beam_search(frames)[0].probability <= sum(value.probability for value in beam_search(frames)) <= 1 + 1e-6
    assert beam_search(frames) == beam_search(frames)


def test_a_digit_said_on_and_on_is_one_and_after_a_rest_another() -> None:
    assert beam_search(frames_that_say(1, 1, 1, None))[0].digits == "1"
    assert beam_search(frames_that_say(1, None, 1, 1))[0].digits == "11"
    assert beam_search(frames_that_say(None, None, None))[0].digits == ""


def test_values_of_other_lengths_are_among_the_likeliest() -> None:
    frames = frames_that_say(1, None, 2, None, 3, None, 4, None, sure=0.99)
    assert {3, 4, 5} <= {len(value.digits) for value in beam_search(frames)}


def test_each_digit_has_the_frames_that_say_it() -> None:
    frames = frames_that_say(None, 7, 7, None, 7, 2, None)
    assert align(frames, "772") == [(1, 3), (4, 5), (5, 6)]
    assert align(frames, "") == []


def test_a_value_that_is_said_nowhere_has_places_in_order_all_the_same() -> None:
    spans = align(frames_that_say(None, 4, None, 5, None, None), "123")
    assert [first for first, _ in spans] == sorted({first for first, _ in spans})
    assert all(first < last for first, last in spans)
