"""Printed lines that nobody expected, sought in the ink of a picture and told from strokes by what is written there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.components import components
from pipelines.images.levels import as_bytes
from pipelines.images.rules.darkness import Grey
from pipelines.images.rules.fitting import follow
from pipelines.images.rules.lines import PrintedLine
from pipelines.images.rules.runs import runs_across

PIECE, PIECE_OF_SIDE, SHORTEST = 40, 0.6, 10
"""A rule has straight pieces of so many dots, or of this share of a small picture, but never fewer than the last."""
BROKEN = 5
"""A gap of fewer dots is none."""
THIN = 0.1
"""A rule is at most this share of its length thick, and two dots more."""
STEEPEST = 0.06
"""How far a rule may lean, as a slope."""
STRAIGHT = 1.0
"""How far, in dots, the middle of a rule may lie from a straight line, as a root mean square."""
RIM = 2
"""What ends within so many dots of the rim or of another rule goes on beyond it."""
OVER = 1.15
"""A rule from rim to rim is at least this many times as long as anything written is tall."""
PART = 0.5
"""What is so long, as a share of the picture, may be a rule even if it ends within."""
LONG = 3.0
"""What is straight for so many heights of the writing is a rule wherever it ends."""
WHOLE, EVEN, UNEVEN = 0.9, 0.6, 0.25
"""There is ink along this share of a rule; along that one its thickness is off by less than this share and a dot."""
BLUNT = 0.6
"""A rule that the rim cuts off is there as thick as this share of its thickness; a stroke thins out."""
MOST = 60
"""More straight pieces than this are texture: only the longest are considered."""
SOFT = 1.5
"""How many times as thick as it was found a rule may be where its soft edges count, and two dots more."""
SMALLEST = 6
"""Smaller blobs, in dots, are no writing to compare a rule with."""

Point = tuple[float, float]


@dataclass(frozen=True)
class FoundRule:
    """A printed line between two points (x, y), along x if `flat`, otherwise along y."""

    flat: bool
    start: Point
    stop: Point
    thickness: float

    def placed(self, left: float, top: float, factor: float) -> FoundRule:
        """The rule in a part of the picture that begins at `left` and `top`, once that is scaled."""
        (x, y), (far, low) = self.start, self.stop
        start, stop = ((x - left) * factor, (y - top) * factor), ((far - left) * factor, (low - top) * factor)
        return FoundRule(self.flat, start, stop, self.thickness * factor)

    def turned(self) -> FoundRule:
        return FoundRule(not self.flat, self.start[::-1], self.stop[::-1], self.thickness)

    def touches(self, width: int, height: int) -> bool:
        """Whether any of it lies in a picture of this size."""
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(self.start, self.stop, strict=True))
        return left < width and right >= 0 and top < height and bottom >= 0

    @property
    def length(self) -> float:
        return self.stop[0] - self.start[0] if self.flat else self.stop[1] - self.start[1]


def find_rules(ink: Grey) -> list[FoundRule]:
    """Find the rules in a picture of ink (1 where there is some), beside and through what is written."""
    turned = np.ascontiguousarray(ink.T)
    flat, upright = _straight(ink), _straight(turned)
    bars = [rule for rule in flat if _may_be(rule, ink, _turned(upright))]
    posts = [rule for rule in upright if _may_be(rule, turned, _turned(flat))]
    if not bars and not posts:
        return []
    tall = _tall(ink, bars, posts)
    rules = [rule for rule in bars if _is_printed(rule, tall, ink, _turned(posts))]
    return [*rules, *_turned([post for post in posts if _is_printed(post, tall, turned, _turned(rules))])]


def trace(ink: Grey, rules: Sequence[FoundRule]) -> list[PrintedLine]:
    """Follow rules dot by dot, in a picture of ink that may be finer than the one in which they were found."""
    turned = np.ascontiguousarray(ink.T)
    return [line for rule in rules for line in _along(ink if rule.flat else turned, rule)]


def _along(ink: Grey, rule: FoundRule) -> list[PrintedLine]:
    lying = rule if rule.flat else rule.turned()
    (x, y), (far, low) = lying.start, lying.stop
    first, last = max(0, round(x)), min(ink.shape[1], round(far) + 1)
    if last - first < 2:
        return []
    path = y + (low - y) * (np.arange(first, last) - x) / max(far - x, 1.0)
    return follow(ink, np.array([first]), path[None], rule.flat, SOFT * rule.thickness + 2)


def _straight(ink: Grey) -> list[FoundRule]:
    """Flat lines that are thin, straight and hardly lean."""
    piece = max(SHORTEST, min(PIECE, round(PIECE_OF_SIDE * ink.shape[1])))
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, BROKEN), np.uint8))
    # A line that leans goes on in the row above or below.
    thick = cv2.dilate(joined, np.ones((3, 1), np.uint8))
    opened = cv2.bitwise_and(cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, piece), np.uint8)), joined)
    if not opened.any():
        return []
    labels, sizes = components(as_bytes(opened))
    longest = 1 + np.argsort(-sizes[1:, cv2.CC_STAT_WIDTH], kind="stable")[:MOST]
    fitted = (_fitted(labels, label, sizes[label]) for label in longest.tolist())
    return [rule for rule in fitted if rule and _is_even(rule, ink)]


def _is_even(rule: FoundRule, ink: Grey) -> bool:
    """Whether a flat line is there all along, and as thick for the most part."""
    columns = np.arange(round(rule.start[0]), round(rule.stop[0]) + 1)
    seen = runs_across(ink, columns, np.linspace(rule.start[1], rule.stop[1], len(columns)))
    thickness = seen.last - seen.first + 1
    even = seen.there & (np.abs(thickness - rule.thickness) <= UNEVEN * rule.thickness + 1)
    return bool(seen.there.mean() >= WHOLE and even.mean() >= EVEN)


def _fitted(labels: NDArray[np.int32], label: int, size: NDArray[np.int32]) -> FoundRule | None:
    """The straight line through a blob; None if the blob is none."""
    left, top, width, height, area = (int(side) for side in size)
    thickness = area / width
    if width < SHORTEST or thickness > THIN * width + 2 or height > STEEPEST * width + 2 * thickness + 2:
        return None
    inked = labels[top : top + height, left : left + width] == label
    counts = inked.sum(0)
    columns = np.flatnonzero(counts)
    middles = (inked * np.arange(height)[:, None]).sum(0)[columns] / counts[columns]
    off = columns - columns.mean()
    slope = float(off @ middles / (off @ off))
    offset = float(middles.mean() - slope * columns.mean())
    rest = middles - slope * columns - offset
    if abs(slope) > STEEPEST or float(np.sqrt(np.mean(rest * rest))) > STRAIGHT:
        return None
    ends = (float(top + offset), float(top + offset + slope * (width - 1)))
    return FoundRule(True, (left, ends[0]), (left + width - 1, ends[1]), float(np.median(counts[columns])))


def _is_printed(rule: FoundRule, tall: int, ink: Grey, crossings: Sequence[FoundRule]) -> bool:
    """Whether a flat line is longer than a stroke beside writing so tall; `crossings` are upright rules."""
    if not tall or rule.length < OVER * tall:
        return False
    return rule.length >= LONG * tall or all(_goes_on(rule, place, ink, crossings) for place in (rule.start, rule.stop))


def _goes_on(rule: FoundRule, place: Point, ink: Grey, crossings: Sequence[FoundRule]) -> bool:
    """Whether a line is cut off by the rim here, or meets another."""
    x, y = place
    if any(_meets(crossing, x, y) for crossing in crossings):
        return True
    if RIM < x < ink.shape[1] - 1 - RIM:
        return False
    reach = round(rule.thickness) + 1
    column = slice(0, 2) if x <= RIM else slice(-2, None)
    end = ink[max(0, round(y) - reach) : round(y) + reach + 1, column]
    return float(end.sum(0).max(initial=0)) >= BLUNT * rule.thickness


def _meets(crossing: FoundRule, x: float, y: float) -> bool:
    near = 1 + crossing.thickness / 2
    return abs(crossing.start[0] - x) <= near and crossing.start[1] - near <= y <= crossing.stop[1] + near


def _turned(rules: Sequence[FoundRule]) -> list[FoundRule]:
    return [rule.turned() for rule in rules]


def _may_be(rule: FoundRule, ink: Grey, crossings: Sequence[FoundRule]) -> bool:
    """Whether a flat line may be a rule, however tall the writing is."""
    ends = (rule.start, rule.stop)
    return rule.length >= PART * ink.shape[1] or all(_goes_on(rule, place, ink, crossings) for place in ends)


def _tall(ink: Grey, flat: Sequence[FoundRule], upright: Sequence[FoundRule]) -> int:
    """How tall the writing is beside these lines."""
    lines = _drawn(ink.shape, [*flat, *(rule.turned() for rule in upright)])
    rest = np.where(lines, 0, ink).astype(np.uint8)
    # Strokes that cross a flat line go on.
    thickest = max((round(rule.thickness) for rule in flat), default=0) + 4
    joined = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((thickest, 1), np.uint8))
    _, sizes = components(as_bytes(joined))
    heights = sizes[1:, cv2.CC_STAT_HEIGHT]
    return int(heights[heights >= SMALLEST].max(initial=0))


def _drawn(shape: tuple[int, ...], rules: Sequence[FoundRule]) -> Grey:
    """1 on the rules and next to them."""
    drawn = np.zeros(shape, np.uint8)
    for rule in rules:
        (x, y), (far, low) = rule.start, rule.stop
        cv2.line(drawn, (round(x), round(y)), (round(far), round(low)), 1, round(rule.thickness) + 2)
    return drawn
