"""Synthetic handwritten numbers with known answers: digits, the marks people add, all kinds of paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.drawing.non_digits import scribble, specks, struck_out
from pipelines.drawing.pen import ink_skeleton
from pipelines.drawing.skeletons import LETTERS, SIGNS, Skeleton
from pipelines.images.levels import as_bytes
from pipelines.strings.backgrounds import on_paper

Picture = NDArray[np.uint8]
Random = np.random.Generator

TALL = 60
"""The height at which a digit is drawn, before the whole is scaled down."""
ROOM = 50
"""Free space above and below, for digits that are off the line."""
THINNEST = 0.9
"""A digit is thinned at most to this share of its median level."""
DASHES = ("dash", "equals", "tilde")
ENDS = ("hash", "cross", "star")
WORDS = [*LETTERS, *(sign for sign in SIGNS if sign != "quotes")]
"""The characters of which words are made; no quotes, which look like two ones when as tall as a digit."""
SCRAWLS = (specks, scribble, struck_out)


@dataclass(frozen=True)
class WrittenString:
    image: Picture
    digits: str


@dataclass(frozen=True)
class Handwriting:
    """What the digits of one string have in common."""

    gap: float
    spread: float
    dance: float
    uneven: float
    thin: int
    slant: float
    climb: float
    breadth: float
    small_zeros: float
    ties: float

    @classmethod
    def draw(cls, random: Random) -> Handwriting:
        close = random.random() < 0.3
        return cls(
            gap=random.normal(-1.0, 2.0) if close else random.uniform(1, 26),
            spread=random.uniform(1, 5),
            dance=random.uniform(0, 5),
            uneven=random.uniform(0.02, 0.16),
            thin=int(random.integers(90, 200)),
            slant=random.normal(0.12, 0.22),
            climb=random.normal(0.0, 0.03),
            breadth=float(np.exp(random.normal(0.0, 0.18))),
            small_zeros=random.uniform(0.4, 0.9) if random.random() < 0.35 else 1.0,
            ties=random.uniform(0.2, 0.9) if random.random() < 0.25 else 0.0,
        )


def draw_strings(
    count: int, seed: int, sources: Sequence[Split], lengths: tuple[int, int] = (3, 8)
) -> Iterator[WrittenString]:
    """Draw `count` numbers, each with the digits of one of the sources; always the same for a seed."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        source = sources[int(random.integers(len(sources)))]
        yield draw_string(random, source, int(random.integers(lengths[0], lengths[1] + 1)))


def draw_string(random: Random, source: Split, length: int) -> WrittenString:
    hand = Handwriting.draw(random)
    chosen = _digits(random, source, length)
    line = LineDrawing()
    _start(line, hand, random)
    for position, index in enumerate(chosen):
        small = hand.small_zeros if source.labels[index] == 0 and position else 1.0
        glyph = glyph_of(source.images[index], hand, small, random)
        line.put(glyph, gap_of(hand, random), foot_of(hand, random) - round(random.uniform(0, 1 - small) * TALL))
        if position and random.random() < hand.ties:
            line.tie(random)
        if (length - position) % 3 == 1 and position < length - 1 and random.random() < 0.45:
            line.put_mark(_separator(random), int(random.integers(0, 8)), random)
    _finish(line, hand, random)
    ink = leaning(line.ink(), hand)
    return WrittenString(on_paper(ink, random), "".join(str(source.labels[index]) for index in chosen))


def draw_word(random: Random) -> WrittenString:
    """Draw letters and signs side by side, without any digit."""
    hand, line = Handwriting.draw(random), LineDrawing()
    for _ in range(int(random.integers(1, 8))):
        name = WORDS[int(random.integers(len(WORDS)))]
        line.put(_sign(LETTERS | SIGNS, name, TALL * random.uniform(0.6, 1.1), random), gap_of(hand, random), 0)
    return WrittenString(on_paper(leaning(line.ink(), hand), random), "")


def draw_scrawl(random: Random) -> WrittenString:
    """Draw one thing that is no digit: specks, scribbles, a digit struck out."""
    ink = SCRAWLS[int(random.integers(len(SCRAWLS)))](random)
    x, y, width, height = cv2.boundingRect(ink)
    return WrittenString(on_paper(ink[y : y + height, x : x + width], random), "")


class LineDrawing:
    """A canvas that is filled from left to right, each glyph at a given distance from the one before."""

    def __init__(self) -> None:
        self._canvas = np.zeros((TALL + 2 * ROOM, 4000), np.uint8)
        self._reach = np.full(len(self._canvas), 40)
        self._boxes: list[tuple[int, int, int]] = []

    def put(self, glyph: Picture, gap: int, foot: int) -> None:
        """Add a glyph, `gap` pixels from the ink before it where they are closest; a negative gap overlaps."""
        height, width = glyph.shape
        top = max(0, min(TALL + ROOM + foot - height, len(self._canvas) - height))
        rows = slice(top, top + height)
        inked = glyph > 60
        starts = np.where(inked.any(1), inked.argmax(1), width)
        near = slice(max(0, top - 6), top + height + 6)
        left = int(max((self._reach[rows] - starts).max(), self._reach[near].max() - width // 3)) + gap
        left = max(left, 20)
        view = self._canvas[rows, left : left + width]
        np.maximum(view, glyph, out=view)
        ends = np.where(inked.any(1), left + width - inked[:, ::-1].argmax(1), 0)
        self._reach[rows] = np.maximum(self._reach[rows], ends)
        self._boxes.append((left, left + width, top + height // 4))

    def tie(self, random: Random) -> None:
        """Join the last two glyphs by a stroke, as in quick handwriting between zeros."""
        if len(self._boxes) > 1:
            (_, end, high), (start, far, low) = self._boxes[-2:]
            points = np.array(
                [[end - 10, high], [(end + start) / 2, (high + low) / 2 + 6], [(start + far) / 2, low - 9]]
            )
            pen = int(random.integers(3, 7))
            cv2.polylines(self._canvas, [np.round(points).astype(np.int32)], False, 255, pen, cv2.LINE_AA)

    def put_mark(self, mark: Picture, gap: int, random: Random) -> None:
        """Add a mark at the baseline, such as a dot or a comma."""
        self.put(mark, gap, int(random.integers(-2, 4 + len(mark) // 2)))

    def ink(self) -> Picture:
        x, y, width, height = cv2.boundingRect(self._canvas)
        return self._canvas[y : y + height, x : x + width]


def _digits(random: Random, source: Split, length: int) -> NDArray[np.intp]:
    """Pick digits at random; some numbers end in zeros, as amounts often do."""
    chosen = random.integers(0, len(source), length)
    if length > 1 and random.random() < 0.3:
        zeros = np.flatnonzero(source.labels == 0)
        tail = int(random.integers(1, length))
        chosen[length - tail :] = zeros[random.integers(0, len(zeros), tail)]
    return chosen


def glyph_of(image: Picture, hand: Handwriting, size: float, random: Random) -> Picture:
    x, y, width, height = cv2.boundingRect(as_bytes(image > 40))
    tall = size * TALL * (1 + random.normal(0, hand.uneven))
    tall *= 1.0 if height > 12 else 0.4
    wide = max(6.0, tall * width / height * hand.breadth * random.uniform(0.85, 1.15))
    shape = (round(min(wide, 1.6 * TALL)), max(8, round(tall)))
    smooth = cv2.resize(image[y : y + height, x : x + width], shape, interpolation=cv2.INTER_CUBIC)
    framed = cv2.GaussianBlur(cv2.copyMakeBorder(smooth, 4, 4, 4, 4, cv2.BORDER_CONSTANT), (0, 0), 1.5)
    # A fine stroke is thinned less, or it would vanish.
    level = min(hand.thin, THINNEST * float(np.median(framed[framed > 40])))
    pen = np.clip((framed.astype(np.float32) - level + 30) * (255 / 60), 0, 255).astype(np.uint8)
    return _broken(pen, random) if random.random() < 0.04 else pen


def _broken(glyph: Picture, random: Random) -> Picture:
    """Break a stroke, as if the pen ran dry for a moment."""
    height, width = glyph.shape
    torn = glyph.copy()
    (x, y), (far, low) = random.integers(0, [width, height], (2, 2)).tolist()
    cv2.line(torn, (x, y), (far, low), 0, int(random.integers(2, 5)))
    return torn if np.count_nonzero(torn) > 0.7 * np.count_nonzero(glyph) else glyph


def gap_of(hand: Handwriting, random: Random) -> int:
    return round(max(-9.0, random.normal(hand.gap, hand.spread)))


def foot_of(hand: Handwriting, random: Random) -> int:
    return round(random.normal(0, hand.dance))


def _separator(random: Random) -> Picture:
    """A dot, a comma or a short dash."""
    high, wide = int(random.integers(5, 11)), int(random.integers(5, 11))
    if random.random() < 0.4:
        high = int(random.integers(12, 30))
    mark = np.zeros((high + 4, wide + 4), np.uint8)
    lean = int(random.integers(0, wide // 2 + 1))
    cv2.line(mark, (2 + wide - 2, 4), (2 + lean, high), 255, int(random.integers(4, 8)), cv2.LINE_AA)
    return mark


def _sign(named: Mapping[str, Skeleton], name: str, height: float, random: Random) -> Picture:
    canvas = ink_skeleton(named[name], random)
    x, y, width, tall = cv2.boundingRect(canvas)
    factor = height / 100
    size = (max(4, round(width * factor)), max(4, round(tall * factor)))
    return as_bytes(cv2.resize(canvas[y : y + tall, x : x + width], size, interpolation=cv2.INTER_AREA))


def _start(line: LineDrawing, hand: Handwriting, random: Random) -> None:
    if random.random() < 0.08:
        name = (*ENDS, *DASHES)[random.integers(len(ENDS) + len(DASHES))]
        line.put(_sign(SIGNS, name, random.uniform(40, 100), random), 0, int(random.integers(-15, 5)))
        line.put(np.zeros((TALL, 6), np.uint8), 4, 0)


def _finish(line: LineDrawing, hand: Handwriting, random: Random) -> None:
    if random.random() < 0.2:
        line.put_mark(_separator(random), int(random.integers(2, 12)), random)
    if random.random() < 0.2:
        dash = _sign(SIGNS, DASHES[random.integers(len(DASHES))], random.uniform(35, 110), random)
        line.put(dash, int(random.integers(4, 30)), -int(random.integers(5, 40)))
    if random.random() < 0.06:
        line.put(
            _sign(SIGNS, ENDS[random.integers(len(ENDS))], random.uniform(40, 90), random),
            int(random.integers(4, 20)),
            0,
        )


def leaning(ink: Picture, hand: Handwriting) -> Picture:
    height, width = ink.shape
    margin = round(abs(hand.slant) * height + abs(hand.climb) * width) + 2
    framed = cv2.copyMakeBorder(ink, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    middle = np.array(framed.shape[::-1]) / 2
    matrix = np.array([[1, -hand.slant, 0], [hand.climb, 1, 0]])
    matrix[:, 2] = middle - matrix[:, :2] @ middle
    leaning = as_bytes(cv2.warpAffine(framed, matrix, framed.shape[::-1]))
    x, y, width, height = cv2.boundingRect(leaning)
    return leaning[y : y + height, x : x + width]
