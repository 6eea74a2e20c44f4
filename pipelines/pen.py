"""Digits as a pen draws them: stroke skeletons in several hands, jittered and inked."""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

Point = tuple[float, float]
Stroke = list[Point]

# A stroke is a smooth curve through its points, x to the right and y down in a unit box. Where the pen turns sharply
# a new stroke starts at the same point.
OVAL = [(0.5, 0), (0.15, 0.2), (0.05, 0.55), (0.2, 0.9), (0.5, 1), (0.8, 0.85), (0.95, 0.5), (0.8, 0.12), (0.5, 0)]
LOOPED_TWO = [
    (0.1, 0.25),
    (0.4, 0),
    (0.8, 0.2),
    (0.6, 0.6),
    (0.2, 0.95),
    (0.1, 0.85),
    (0.25, 0.78),
    (0.5, 0.92),
    (0.9, 1),
]
HOOK = [(0.75, 0.02), (0.35, 0.25), (0.1, 0.65), (0.25, 0.95), (0.6, 1)]
BOWL = [(0.85, 0.78), (0.65, 0.55), (0.3, 0.58), (0.13, 0.75)]
UPPER_BOWL = [(0.5, 0.48), (0.2, 0.3), (0.25, 0.07), (0.5, 0), (0.78, 0.1), (0.75, 0.32), (0.5, 0.48)]
LOWER_BOWL = [(0.15, 0.7), (0.2, 0.93), (0.5, 1), (0.82, 0.9), (0.8, 0.68), (0.5, 0.48)]
LOOP = [(0.85, 0.25), (0.6, 0.5), (0.25, 0.45), (0.12, 0.22), (0.35, 0.02), (0.7, 0.03), (0.85, 0.25)]

# The hands that write each digit: a list of strokes each.
STYLES: dict[int, list[list[Stroke]]] = {
    0: [
        [OVAL],
        [OVAL, [(0.85, 0.08), (0.15, 0.92)]],
    ],
    1: [
        [[(0.5, 0), (0.5, 1)]],
        [[(0.25, 0.25), (0.55, 0)], [(0.55, 0), (0.55, 1)]],
        [[(0.25, 0.25), (0.55, 0)], [(0.55, 0), (0.55, 1)], [(0.25, 1), (0.85, 1)]],
    ],
    2: [
        [[(0.1, 0.25), (0.3, 0.03), (0.65, 0.03), (0.85, 0.25), (0.65, 0.55), (0.1, 1)], [(0.1, 1), (0.9, 0.98)]],
        [LOOPED_TWO],
    ],
    3: [
        [
            [(0.12, 0.12), (0.45, 0), (0.8, 0.15), (0.7, 0.4), (0.4, 0.48)],
            [(0.4, 0.48), (0.8, 0.58), (0.85, 0.85), (0.5, 1), (0.1, 0.9)],
        ],
        [
            [(0.1, 0), (0.85, 0)],
            [(0.85, 0), (0.45, 0.4)],
            [(0.45, 0.4), (0.85, 0.55), (0.85, 0.85), (0.5, 1), (0.1, 0.88)],
        ],
    ],
    4: [
        [[(0.2, 0), (0.1, 0.55)], [(0.1, 0.55), (0.9, 0.55)], [(0.7, 0.1), (0.65, 1)]],
        [[(0.65, 0), (0.05, 0.65)], [(0.05, 0.65), (0.95, 0.65)], [(0.65, 0), (0.65, 1)]],
    ],
    5: [
        [
            [(0.85, 0), (0.25, 0)],
            [(0.25, 0), (0.18, 0.45)],
            [(0.18, 0.45), (0.55, 0.38), (0.88, 0.62), (0.75, 0.92), (0.4, 1), (0.1, 0.88)],
        ],
    ],
    6: [[HOOK + BOWL]],
    7: [
        [[(0.1, 0.03), (0.9, 0.03)], [(0.9, 0.03), (0.45, 1)]],
        [[(0.1, 0.03), (0.9, 0.03)], [(0.9, 0.03), (0.45, 1)], [(0.3, 0.5), (0.85, 0.5)]],
    ],
    8: [[UPPER_BOWL + LOWER_BOWL]],
    9: [
        [LOOP, [(0.85, 0.25), (0.75, 1)]],
        [LOOP, [(0.85, 0.25), (0.85, 0.7), (0.65, 0.97), (0.2, 0.95)]],
    ],
}

CANVAS = 112
SIDE = 28
BOX = 20


def _smooth(points: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """A Catmull-Rom curve through the points."""
    if len(points) < 3:
        return points
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, start, end, after = ends[:-3, None], ends[1:-2, None], ends[2:-1, None], ends[3:, None]
    t = np.linspace(0, 1, steps)[None, :, None]
    curve = (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    ) / 2
    return curve.reshape(-1, 2)


def _hand(random: np.random.Generator) -> NDArray[np.float64]:
    """The slant, turn and proportions of one drawing, as a 2x2 matrix."""
    turn, slant = random.normal(0, 0.08), random.normal(0.1, 0.18)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    proportions = np.diag([random.uniform(0.5, 0.85), 1.0])
    return proportions @ np.array([[1, 0], [-slant, 1]]) @ rotation


def draw_digit(digit: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """One digit as uint8 [28, 28], ink bright on dark, 20 pixels in its longer side and centred by mass."""
    styles = STYLES[digit]
    style = styles[random.integers(len(styles))]
    hand, wobble = _hand(random), random.uniform(0.01, 0.04)
    curves = [_smooth((np.array(stroke) + random.normal(0, wobble, (len(stroke), 2)) - 0.5) @ hand) for stroke in style]
    extent = np.vstack(curves)
    # The pen's width belongs to the box, so the skeleton is drawn smaller by it.
    width = int(random.integers(6, 15))
    scale = (CANVAS * BOX / SIDE - width) / max(np.ptp(extent, axis=0).max(), 0.1)
    middle = (extent.max(axis=0) + extent.min(axis=0)) / 2
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    paths = [np.round((curve - middle) * scale * 16 + CANVAS * 8).astype(np.int32) for curve in curves]
    cv2.polylines(canvas, paths, False, 255, width, cv2.LINE_AA, shift=4)
    return _centred(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), random)


def _centred(image: MatLike, random: np.random.Generator) -> NDArray[np.uint8]:
    mass = cv2.moments(image)
    offset = (SIDE - 1) / 2 - np.array([mass["m10"], mass["m01"]]) / max(mass["m00"], 1)
    offset += random.normal(0, 0.3, 2)
    shift = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
    return cv2.warpAffine(image, shift, (SIDE, SIDE)).astype(np.uint8)


def draw_digits(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """`count` images and their labels, every digit equally often, in mixed order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    return np.stack([draw_digit(int(label), random) for label in labels]), labels
