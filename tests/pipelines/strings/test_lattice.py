"""Of all ways through the pieces the likeliest values come out, with their share of the whole."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.strings.hypotheses import DIGITS, DROPPED, LABELS
from pipelines.strings.lattice import best_paths
from pipelines.strings.segments import Segment


def chain(count: int, longest: int = 3) -> list[Segment]:
    return [
        Segment(first, end, 0, 0, 1, 1)
        for first in range(count)
        for end in range(first + 1, min(count, first + longest) + 1)
    ]


def every_value(count: int, segments: list[Segment], scores: NDArray[np.float64]) -> dict[str, float]:
    """By trying all paths."""
    sums: dict[str, float] = {}

    def walk(node: int, value: str, score: float) -> None:
        if node == count:
            sums[value] = sums.get(value, 0.0) + float(np.exp(score))
            return
        for index, label in product(range(len(segments)), range(LABELS)):
            if segments[index].first == node:
                more = "" if label == DROPPED else DIGITS[label]
                walk(segments[index].end, value + more, score + scores[index, label])

    walk(0, "", 0.0)
    return sums


@pytest.mark.parametrize("length", [None, (2, 2), (1, 2)])
def test_the_posterior_is_the_share_of_all_paths(length: tuple[int, int] | None) -> None:
    segments = chain(3)
    scores = np.random.default_rng(0).normal(0, 3, (len(segments), LABELS))
    fewest, most = length or (1, 3)
    sums = {value: part for value, part in every_value(3, segments, scores).items() if fewest <= len(value) <= most}
    best = max(sums, key=lambda value: sums[value])
    path = best_paths(3, segments, scores, length)[0]
    assert path.value == best
    assert path.posterior == pytest.approx(sums[best] / sum(sums.values()), rel=0.05)


def test_a_path_names_the_segments_of_its_digits() -> None:
    segments = chain(4)
    scores = np.full((len(segments), LABELS), -20.0)
    wanted = {(0, 2): 7, (2, 3): DROPPED, (3, 4): 4}
    for index, segment in enumerate(segments):
        if (segment.first, segment.end) in wanted:
            scores[index, wanted[segment.first, segment.end]] = 0.0
    path = best_paths(4, segments, scores)[0]
    assert path.value == "74"
    assert [(segments[index].first, segments[index].end) for index in path.segments] == [(0, 2), (3, 4)]


def test_a_length_that_cannot_be_has_no_path() -> None:
    segments = chain(3)
    assert best_paths(3, segments, np.zeros((len(segments), LABELS)), (4, 6)) == []


def test_a_wanted_length_is_found_however_unlikely() -> None:
    segments = chain(5)
    scores = np.random.default_rng(1).normal(0, 1, (len(segments), LABELS))
    scores[[index for index, segment in enumerate(segments) if segment.end - segment.first == 1]] -= 40
    assert len(best_paths(5, segments, scores, (5, 5))[0].value) == 5
