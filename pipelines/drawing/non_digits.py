"""Synthetic content of cells that is no digit: the eleventh class, `none`, drawn from a seed.

Whatever could be taken for a digit is left out: the letters O I l S Z q g b, one upright or slanting line, half of a 7
or of a 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.drawing.pen import CANVAS, ink_digit, ink_skeleton
from pipelines.drawing.skeletons import LETTERS, SIGNS
from pipelines.images import to_model_input

Picture = NDArray[np.uint8]
Random = np.random.Generator

HALVES = {"left": (2, 3, 5, 8), "top": (0, 5), "bottom": (0,)}


def blank(random: Random) -> Picture:
    """Blank paper with its texture; in a fifth of the cases, nothing at all."""
    if random.random() < 0.2:
        return np.zeros((CANVAS, CANVAS), np.uint8)
    side = int(random.integers(16, CANVAS))
    grain = random.normal(random.uniform(10, 90), random.uniform(1, 14), (side, side))
    if random.random() < 0.5:
        grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), random.uniform(0.5, 2)), np.float64)
    grain += np.linspace(0, random.uniform(0, 40), side)
    return np.clip(grain, 0, 255).astype(np.uint8)


def specks(random: Random) -> Picture:
    canvas = _empty()
    for _ in range(random.integers(2, 9)):
        x, y = (int(place) for place in random.integers(12, CANVAS - 12, 2))
        wide, high = (int(axis) for axis in random.integers(2, 8, 2))
        turn, level = float(random.uniform(0, 180)), _level(random)
        cv2.ellipse(canvas, (x, y), (wide, high), turn, 0, 360, level, -1, cv2.LINE_AA)
    return canvas


def residue(random: Random) -> Picture:
    """Printed lines of a form: corners, combs, a writing line; never a single upright line, which looks like a 1."""
    canvas, width, level = _empty(), int(random.integers(2, 9)), _level(random)
    # Nearer to the rim the preparation would remove a line, and a single line that is left looks like a 1.
    near, far = random.integers(20, 46), random.integers(66, CANVAS - 20)
    flat = [(near, far), (far, far)]
    tall = [[(x, near), (x, far)] for x in (near, far)]
    lines = [[flat], [flat, tall[0]], [flat, tall[1]], [flat, *tall], [*tall], [flat, [(near, near), (far, near)]]]
    for start, end in lines[random.integers(len(lines))]:
        (left, top), (right, bottom) = (np.array([start, end]) + random.integers(-3, 4, (2, 2))).tolist()
        cv2.line(canvas, (left, top), (right, bottom), level, width, cv2.LINE_AA)
    return canvas


def scribble(random: Random) -> Picture:
    canvas = _empty()
    _scribble_over(canvas, random, int(random.integers(8, 24)))
    return canvas


def struck_out(random: Random) -> Picture:
    """A digit with strokes right through it, or scribbled over."""
    canvas = ink_digit(int(random.integers(10)), random)
    if random.random() < 0.45:
        _scribble_over(canvas, random, int(random.integers(6, 16)))
        return canvas
    width, count = int(random.integers(5, 14)), int(random.integers(2, 5))
    rise, first, gap = random.integers(-70, 70), random.integers(25, 55), random.integers(12, 24)
    for k in range(count):
        left = int(first + k * gap + random.integers(-4, 5) + rise / 2)
        ends = (int(random.integers(2, 16)), left), (int(random.integers(96, 110)), int(left - rise))
        cv2.line(canvas, *ends, 255, width, cv2.LINE_AA)
    return canvas


def letter(random: Random) -> Picture:
    return ink_skeleton(_any(LETTERS, random), random)


def sign(random: Random) -> Picture:
    return ink_skeleton(_any(SIGNS, random), random)


def half(random: Random) -> Picture:
    """Half of a digit; only halves that do not look like another digit."""
    part = list(HALVES)[random.integers(len(HALVES))]
    digits = HALVES[part]
    canvas, cut = ink_digit(digits[random.integers(len(digits))], random), int(random.integers(50, 58))
    if part == "left":
        canvas[:, cut - 6 :] = 0
    elif part == "top":
        canvas[cut:] = 0
    else:
        canvas[:cut] = 0
    return canvas


def two(random: Random) -> Picture:
    """Two digits in one cell that touch or nearly touch; at least two thirds of each are visible."""
    left, right = (_cropped(ink_digit(int(random.integers(10)), random)) for _ in range(2))
    height = max(len(left), len(right))
    overlap = int(random.integers(-6, 10))
    width = left.shape[1] + right.shape[1] - min(overlap, right.shape[1] // 3)
    canvas = np.zeros((height + 8, width), np.uint8)
    low, high = random.integers(0, height + 9 - len(left)), random.integers(0, height + 9 - len(right))
    canvas[low : low + len(left), : left.shape[1]] = left
    view = canvas[high : high + len(right), width - right.shape[1] :]
    np.maximum(view, right, out=view)
    return np.pad(canvas, 12)


JUNK: dict[str, Callable[[Random], Picture]] = {
    "blank": blank, "specks": specks, "residue": residue, "scribble": scribble, "struck out": struck_out,
    "letter": letter, "sign": sign, "half": half, "two": two,
}  # fmt: skip
SHARES = (0.08, 0.05, 0.08, 0.1, 0.17, 0.2, 0.08, 0.1, 0.14)


def draw_junk(count: int, seed: int) -> NDArray[np.uint8]:
    """Draw `count` images of all kinds in random order, prepared for the model."""
    random = np.random.default_rng(seed)
    kinds = random.choice(list(JUNK), count, p=SHARES)
    return to_model_input([JUNK[kind](random) for kind in kinds])


def draw_kind(kind: str, count: int, seed: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    return to_model_input([JUNK[kind](random) for _ in range(count)])


def _empty() -> Picture:
    return np.zeros((CANVAS, CANVAS), np.uint8)


def _level(random: Random) -> int:
    return int(random.integers(90, 256))


def _any(skeletons: dict[str, Any], random: Random) -> Any:
    return skeletons[list(skeletons)[random.integers(len(skeletons))]]


def _cropped(canvas: Picture) -> Picture:
    x, y, width, height = cv2.boundingRect(canvas)
    return canvas[y : y + height, x : x + width]


def _scribble_over(canvas: Picture, random: Random, points: int) -> None:
    """Scribble back and forth in one direction, or in circles."""
    turn = random.uniform(0, np.pi)
    across, along = random.uniform(18, 40), random.uniform(15, 36)
    steps = np.arange(points)
    if random.random() < 0.6:
        path = np.stack([across * (-1.0) ** steps, np.linspace(-along, along, points)], 1)
    else:
        path = np.stack([across * np.cos(steps * 1.9), along * np.sin(steps * 1.9)], 1)
    path += random.normal(0, 5, path.shape)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    places = np.round(path @ rotation + CANVAS / 2).astype(np.int32)
    cv2.polylines(canvas, [places], False, 255, int(random.integers(4, 11)), cv2.LINE_AA)
