"""What speaks for each reading of each segment: the reader's probabilities, sizes, gaps and cuts, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.strings.segments import Piece, Pieces, Segment, is_digit_sized
from pipelines.strings.strip import DIGIT

Floats = NDArray[np.float64]

DIGITS = "0123456789"
DROPPED = 10
"""The label of a segment that is no digit: a comma, a dash, a currency sign, dirt."""
LABELS = 11
IMPOSSIBLE = -1e9
TALL = 0.7
"""What is dropped and as tall as this may have been digits."""
SMALLEST = 1e-4
"""A probability below this says nothing more."""

WEIGHTS: dict[str, float] = {
    "reader": 1.61,
    "digit": -1.49,
    "width of a 1": -1.42,
    "width": 0.72,
    "width squared": -1.71,
    "height": 2.36,
    "height squared": 0.67,
    "off the line": -2.82,
    "joined gap": -0.80,
    "joined blobs": -1.16,
    "joined cuts": 1.36,
    "joined ink": 1.36,
    "cut": -0.48,
    "cut ink": -1.96,
    "overlap": -0.88,
    "dropped": -0.70,
    "dropped height": -0.86,
    "dropped width": -3.70,
    "dropped pieces": 1.29,
    "dropped none": 0.17,
    "dropped unread": -0.10,
    "dropped at start": 0.11,
    "dropped at end": 0.90,
    "dropped below": 2.16,
    "dropped cut": -2.37,
    "dropped tall": -1.56,
}
"""Fitted on 500 drawn strings by `python jobs/bench.py strings --fit --count 500`, with a reader that was taught every
hand of `pipelines/hands.py`; to be fitted anew with each reader."""
_OF_DIGIT = slice(0, 15)
_OF_DROPPED = slice(15, 26)


def features(
    pieces: Pieces, segments: Sequence[Segment], probabilities: Floats, classes: Sequence[str]
) -> tuple[Floats, NDArray[np.bool_]]:
    """[segments, labels, weights], and which labels a segment can have. A row of probabilities for each segment."""
    values = np.zeros((len(segments), LABELS, len(WEIGHTS)))
    can_be = np.zeros((len(segments), LABELS), bool)
    columns = [classes.index(digit) for digit in DIGITS]
    nothing = probabilities[:, classes.index("none")] if "none" in classes else np.zeros(len(segments))
    line = _line(pieces)
    for index, segment in enumerate(segments):
        sized = is_digit_sized(segment)
        off = _off_line(segment, line)
        if sized:
            values[index, :DROPPED, _OF_DIGIT] = _digit_features(pieces, segment, probabilities[index, columns], off)
        none = float(nothing[index]) if sized else 1.0
        values[index, DROPPED, _OF_DROPPED] = _dropped_features(pieces, segment, none, sized, off)
        can_be[index] = [*[sized] * len(DIGITS), True]
    return values, can_be


def scores(values: Floats, can_be: NDArray[np.bool_]) -> Floats:
    """[segments, labels]"""
    weights = np.array(list(WEIGHTS.values()))
    return np.where(can_be, values @ weights, IMPOSSIBLE)


def _digit_features(pieces: Pieces, segment: Segment, probabilities: Floats, off: float) -> Floats:
    run = pieces.pieces[segment.first : segment.end]
    joints = list(pairwise(run))
    gaps = [_gap(left, right) for left, right in joints if left.blob != right.blob]
    cuts = [right.cut / DIGIT for left, right in joints if left.blob == right.blob]
    cut, overlap = _beginning(pieces, segment)
    width, height = min(segment.width, 2.0), min(segment.height, 2.0)
    shared = [height, height**2, min(off**2, 1.0), sum(max(gap, 0.0) for gap in gaps), len(gaps), len(cuts), sum(cuts)]
    rows = np.tile([0.0, 1.0, 0.0, width, width**2, *shared, float(cut > 0), cut, overlap], (len(DIGITS), 1))
    rows[:, 0] = np.log(np.maximum(probabilities, SMALLEST))
    rows[1, 2:5] = width, 0.0, 0.0
    return rows


def _dropped_features(pieces: Pieces, segment: Segment, none: float, sized: bool, off: float) -> list[float]:
    cut, _ = _beginning(pieces, segment)
    return [
        1.0,
        min(segment.height, 2.0),
        min(segment.width, 2.0),
        segment.end - segment.first,
        float(np.log(max(none, SMALLEST))),
        float(not sized),
        float(segment.first == 0),
        float(segment.end == len(pieces.pieces)),
        min(max(off, -1.0), 1.0),
        float(cut > 0),
        float(segment.height >= TALL),
    ]


def _beginning(pieces: Pieces, segment: Segment) -> tuple[float, float]:
    """The ink cut at its left, and by how much it overlaps what stands there, in digits' heights."""
    if not segment.first:
        return 0.0, 0.0
    before, here = pieces.pieces[segment.first - 1], pieces.pieces[segment.first]
    if before.blob == here.blob:
        return here.cut / DIGIT + 0.02, 0.0
    return 0.0, max(-_gap(before, here), 0.0)


def _gap(left: Piece, right: Piece) -> float:
    return (right.left - left.right) / DIGIT


def _line(pieces: Pieces) -> tuple[float, float]:
    """Slope and height of the line that runs through the middles of the pieces, the tall ones above all."""
    middles = np.array([(piece.middle, (piece.top + piece.bottom) / 2) for piece in pieces.pieces])
    heights = np.array([piece.bottom - piece.top for piece in pieces.pieces], np.float64)
    if len(middles) < 3 or np.ptp(middles[:, 0]) < 2 * DIGIT:
        return 0.0, float(np.average(middles[:, 1], weights=heights))
    slope, start = np.polyfit(middles[:, 0], middles[:, 1], 1, w=heights)
    return float(slope), float(start)


def _off_line(segment: Segment, line: tuple[float, float]) -> float:
    """How far below the line its middle is, in digits' heights."""
    middle = (segment.left + segment.right) / 2
    return ((segment.top + segment.bottom) / 2 - line[0] * middle - line[1]) / DIGIT
