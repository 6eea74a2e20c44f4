"""The likeliest values of a chain of pieces, over every way to take neighbours together and to read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.strings.hypotheses import DIGITS, DROPPED, IMPOSSIBLE
from pipelines.strings.segments import Segment

Floats = NDArray[np.float64]

KEPT = 12
KEPT_OF_LENGTH = 3
"""How many beginnings are followed, and of each length at least."""
UNLIKELY = 6.0
"""A label this much (as a logarithm) behind the segment's best is not followed."""


@dataclass(frozen=True)
class Path:
    value: str
    posterior: float
    """The share of all that the lattice allows."""
    segments: tuple[int, ...]
    """Which segments are its digits, on the best way to the value."""


@dataclass
class _Beginning:
    total: float
    best: float
    segments: tuple[int, ...]


def best_paths(
    count: int, segments: Sequence[Segment], scores: Floats, length: tuple[int, int] | None = None
) -> list[Path]:
    """The likeliest values of `count` pieces, best first; none if no value has a length (fewest, most) like that."""
    fewest, most = length or (1, count)
    arriving = _arriving(count, segments)
    beams: list[dict[str, _Beginning]] = [{"": _Beginning(0.0, 0.0, ())}]
    for node in range(1, count + 1):
        beams.append(_kept(_extended(beams, arriving[node], segments, scores, most)))
    total = _total(arriving, segments, scores, (fewest, most))
    found = [
        Path(value, float(np.exp(min(way.total - total, 0.0))), way.segments)
        for value, way in beams[count].items()
        if fewest <= len(value) <= most
    ]
    return sorted(found, key=lambda path: -path.posterior)


def _arriving(count: int, segments: Sequence[Segment]) -> list[list[int]]:
    arriving: list[list[int]] = [[] for _ in range(count + 1)]
    for index, segment in enumerate(segments):
        arriving[segment.end].append(index)
    return arriving


def _extended(
    beams: list[dict[str, _Beginning]], edges: list[int], segments: Sequence[Segment], scores: Floats, most: int
) -> dict[str, _Beginning]:
    """Every beginning that ends with one of these edges; those of one value flow together."""
    grown: dict[str, _Beginning] = {}
    for edge in edges:
        row = scores[edge]
        labels = _worth_following(row)
        for prefix, way in beams[segments[edge].first].items():
            for label in labels:
                dropped = label == DROPPED
                if dropped or len(prefix) < most:
                    value = prefix if dropped else prefix + DIGITS[label]
                    _add(grown, value, way, float(row[label]), None if dropped else edge)
    return grown


def _worth_following(row: Floats) -> list[int]:
    """The likely labels; and to drop it or take it for a digit, however unlikely, since a length may ask for that."""
    likely = row > row.max() - UNLIKELY
    likely[[int(row[:DROPPED].argmax()), DROPPED]] = True
    return [int(label) for label in np.flatnonzero(likely & (row > IMPOSSIBLE / 2))]


def _add(grown: dict[str, _Beginning], value: str, way: _Beginning, score: float, edge: int | None) -> None:
    total, best = way.total + score, way.best + score
    known = grown.get(value)
    if known is None:
        grown[value] = _Beginning(total, best, way.segments if edge is None else (*way.segments, edge))
        return
    known.total = float(np.logaddexp(known.total, total))
    if best > known.best:
        known.best = best
        known.segments = way.segments if edge is None else (*way.segments, edge)


def _kept(grown: dict[str, _Beginning]) -> dict[str, _Beginning]:
    """The best, and the best of each length, so that a wanted length is always among them."""
    taken: dict[int, int] = defaultdict(int)
    kept: dict[str, _Beginning] = {}
    for value, way in sorted(grown.items(), key=lambda item: -item[1].total):
        if len(kept) < KEPT or taken[len(value)] < KEPT_OF_LENGTH:
            taken[len(value)] += 1
            kept[value] = way
    return kept


def _total(arriving: list[list[int]], segments: Sequence[Segment], scores: Floats, length: tuple[int, int]) -> float:
    """The logarithm of the sum over every path whose value has such a length."""
    count = len(arriving) - 1
    digit = np.logaddexp.reduce(scores[:, :DROPPED], axis=1)
    sums = np.full((count + 1, count + 1), -np.inf)
    sums[0, 0] = 0.0
    for node in range(1, count + 1):
        for edge in arriving[node]:
            before = sums[segments[edge].first]
            sums[node] = np.logaddexp(sums[node], before + scores[edge, DROPPED])
            sums[node, 1:] = np.logaddexp(sums[node, 1:], before[:-1] + digit[edge])
    wanted = sums[count, length[0] : length[1] + 1]
    return float(np.logaddexp.reduce(wanted)) if wanted.size else -np.inf
