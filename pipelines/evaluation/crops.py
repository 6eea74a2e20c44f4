"""Digits as other programs cut them out of paper, drawn from clean ones by a seed, to measure the preparation on.

Lengths are in pixels of MNIST, in which a digit is 20 long and its field 28; most pictures are drawn larger than that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Ink = NDArray[np.float32]
"""From 0 (paper) to 1 (ink)."""
Random = np.random.Generator
Row = NDArray[np.uint8]
"""[3, 28, 28]: the digit is the middle one, between those that were written beside it."""

LENGTH, FIELD = 20, 28
SIZES = (12, 16, 20, 64, 200)
WIDEST = 2.5
"""How far a digit is stretched towards a square."""


def tight(row: Row, random: Random) -> Picture:
    return _painted(_ink(row[1], random.uniform(1, 3) * LENGTH), random)


def bold(row: Row, random: Random) -> Picture:
    """Cut tightly, by a broad pen: ink covers about half of the picture."""
    ink, share = _ink(row[1], 60), random.uniform(0.4, 0.6)
    for _ in range(4):
        if (ink > 0.5).mean() < share:
            ink = np.asarray(cv2.dilate(ink, np.ones((3, 3), np.uint8)), np.float32)
    return _painted(_resized(ink, random.uniform(1, 3) * LENGTH / 60), random)


def padded(row: Row, random: Random) -> Picture:
    ink = _ink(row[1], random.uniform(1, 3) * LENGTH)
    above, below, left, right = (int(max(ink.shape) * random.uniform(0.2, 1.5)) for _ in range(4))
    return _painted(np.pad(ink, ((above, below), (left, right))), random)


def inverted(row: Row, random: Random) -> Picture:
    return 255 - tight(row, random)


def stretched(row: Row, random: Random) -> Picture:
    ink = _ink(row[1], random.uniform(1, 3) * LENGTH)
    height, width = ink.shape
    size = (
        (min(height, round(WIDEST * width)), height) if height > width else (width, min(width, round(WIDEST * height)))
    )
    return _painted(np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR), np.float32), random)


def sized(length: int, row: Row, random: Random) -> Picture:
    """A square picture, which the digit fills from one side to the other."""
    ink = _ink(row[1], length)
    above, left = ((length - side) // 2 for side in ink.shape)
    return _painted(np.pad(ink, ((above, length - ink.shape[0] - above), (left, length - ink.shape[1] - left))), random)


def one_bit(row: Row, random: Random) -> Picture:
    ink = _ink(row[1], random.uniform(0.8, 2) * LENGTH)
    return ((np.pad(ink, int(random.integers(0, 3))) < 0.5) * 255).astype(np.uint8)


def lined(sides: int, row: Row, random: Random) -> Picture:
    """A printed line along so many sides, as of a box."""
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    for side in random.permutation(4)[:sides]:
        turned = np.rot90(ink, side)
        start, width = round(random.uniform(0, 2) * scale), max(1, round(random.uniform(0.6, 1.6) * scale))
        turned[start : start + width] = np.maximum(turned[start : start + width], random.uniform(0.6, 1))
    return _painted(ink, random)


def dotted(row: Row, random: Random) -> Picture:
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    for place in _clear_of(ink, 1.5 * scale, int(random.integers(2, 7)), random):
        _dot(ink, place, random.uniform(0.4, 1.2) * scale, random.uniform(0.6, 1))
    return _painted(ink, random)


def ruled(row: Row, random: Random) -> Picture:
    """Lines of writing paper, fainter than the ink, through the digit or beside it."""
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    first, apart = random.uniform(0, 14) * scale, random.uniform(12, 18) * scale
    for top in np.arange(first, len(ink), apart).astype(int):
        rule = slice(top, top + max(1, round(random.uniform(0.4, 1) * scale)))
        ink[rule] = np.maximum(ink[rule], random.uniform(0.25, 0.6))
    return _painted(ink, random)


def beside(sides: str, row: Row, random: Random) -> Picture:
    """Cut from a number, with parts of its other digits."""
    scale = random.uniform(1, 3)
    ink = _ink(row[1], scale * LENGTH)
    for side in sides:
        other, gap = _ink(row[0 if side == "l" else 2], scale * LENGTH), round(random.uniform(1, 4) * scale)
        part = max(1, round(random.uniform(0.15, 0.5) * other.shape[1]))
        high = max(len(ink), len(other))
        ink, other = _heightened(ink, high), _heightened(other, high)
        space = np.zeros((high, gap), np.float32)
        ink = np.hstack([other[:, -part:], space, ink] if side == "l" else [ink, space, other[:, :part]])
    above, below = (round(random.uniform(0, 4) * scale) for _ in range(2))
    left, right = (0 if side in sides else round(random.uniform(0, 4) * scale) for side in "lr")
    return _painted(np.pad(ink, ((above, below), (left, right))), random)


def dirty(row: Row, random: Random) -> Picture:
    """Specks, and smudges of grey."""
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    smudge = np.zeros_like(ink)
    for place in random.integers(0, len(ink), (int(random.integers(1, 4)), 2)):
        _dot(smudge, place, random.uniform(3, 8) * scale, random.uniform(0.1, 0.25))
    for place in random.integers(0, len(ink), (int(random.integers(10, 30)), 2)):
        _dot(ink, place, random.uniform(0, 0.5) * scale, random.uniform(0.3, 0.9))
    return _painted(np.maximum(ink, cv2.GaussianBlur(smudge, (0, 0), scale)), random)


def shaded(row: Row, random: Random) -> Picture:
    """A shadow, in which paper is darker than ink is in the light."""
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    shadow = np.linspace(1, random.uniform(0.3, 0.5), len(ink), dtype=np.float32)
    light = np.rot90(np.tile(shadow, (len(ink), 1)), int(random.integers(4)))
    return _bytes(240 * light * (1 - random.uniform(0.5, 0.8) * ink))


def grey(row: Row, random: Random) -> Picture:
    """Faint on grey, grainy paper."""
    scale = random.uniform(1, 3)
    ink = _placed(_ink(row[1], scale * LENGTH), scale, random)
    return _bytes(random.uniform(110, 180) - random.uniform(40, 80) * ink + random.normal(0, 4, ink.shape))


CROPS: dict[str, Callable[[Row, Random], Picture]] = {
    "tight": tight, "tight, broad pen": bold, "padded": padded, "inverted": inverted, "stretched": stretched,
    **{f"{length} px": partial(sized, length) for length in SIZES},
    "1 bit": one_bit,
    **{f"line on {name}": partial(lined, sides) for name, sides in {"1 side": 1, "2 sides": 2, "3 sides": 3}.items()},
    "dots": dotted, "rules": ruled,
    **{f"neighbour {name}": partial(beside, sides) for name, sides in {"left": "l", "right": "r"}.items()},
    "neighbours": partial(beside, "lr"),
    "dirt": dirty, "shade": shaded, "grey paper": grey,
}  # fmt: skip


def cropped(images: NDArray[np.uint8], name: str, seed: int = 0) -> list[Picture]:
    """Digits [N, 28, 28], bright on dark, cut out in one way; always the same for the same images and seed."""
    random = np.random.default_rng([seed, list(CROPS).index(name)])
    others = images[random.integers(0, len(images), (len(images), 2))]
    rows = np.stack([others[:, 0], images, others[:, 1]], axis=1)
    return [CROPS[name](row, random) for row in rows]


def _ink(digit: Picture, length: float) -> Ink:
    """The ink alone, so many pixels long."""
    left, top, width, height = cv2.boundingRect((digit > 0).astype(np.uint8))
    ink = digit[top : top + height, left : left + width].astype(np.float32) / 255
    return _resized(ink, length / max(width, height))


def _resized(ink: NDArray[np.floating], factor: float) -> Ink:
    height, width = ink.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return np.clip(np.asarray(resized, np.float32), 0, 1)


def _placed(ink: Ink, scale: float, random: Random) -> Ink:
    """The ink on a square field, about in the middle."""
    side = round(FIELD * scale)
    field = np.zeros((side, side), np.float32)
    top, left = (int((side - length) / 2 + random.uniform(-2, 2) * scale) for length in ink.shape)
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return field


def _heightened(ink: Ink, height: int) -> Ink:
    above = (height - len(ink)) // 2
    return np.pad(ink, ((above, height - len(ink) - above), (0, 0)))


def _clear_of(ink: Ink, distance: float, count: int, random: Random) -> NDArray[np.intp]:
    """Rows and columns of pixels at least so far from the ink."""
    clear = cv2.distanceTransform((ink < 0.2).astype(np.uint8), cv2.DIST_L2, 3) >= distance
    places = np.argwhere(clear)
    return places[random.integers(0, len(places), count)]


def _dot(ink: Ink, place: NDArray[np.intp], radius: float, level: float) -> None:
    centre = (int(place[1]), int(place[0]))
    dot = cv2.circle(np.zeros_like(ink), centre, max(0, round(radius)), level, -1, cv2.LINE_AA)
    np.maximum(ink, dot, out=ink)


def _painted(ink: NDArray[np.floating] | cv2.typing.MatLike, random: Random) -> Picture:
    """Dark on bright paper."""
    paper, full = random.uniform(200, 255), random.uniform(0, 90)
    return _bytes(paper - (paper - full) * ink)


def _bytes(values: NDArray[np.floating] | cv2.typing.MatLike) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
