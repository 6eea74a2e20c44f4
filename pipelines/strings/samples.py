"""Synthetic lines to train on: numbers as people write them, and lines that are no number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.drawing.pen import draw_digits
from pipelines.drawing.skeletons import ALL_STYLES
from pipelines.strings.line import find_line
from pipelines.strings.synthesis import WrittenString, draw_scrawl, draw_string, draw_word

Picture = NDArray[np.uint8]

PEN_DIGITS = 4
"""Digits drawn by the pen for each line: half of the lines use these, the other half those of the corpus."""
LENGTHS = np.array([0.06, 0.10, 0.13, 0.15, 0.15, 0.14, 0.10, 0.08, 0.05, 0.04])
"""The share of lines with one digit, two digits, and so on."""
LONGEST = len(LENGTHS)
WORDS = 0.6
"""The share of words among lines that are no number; the rest are scrawls."""


@dataclass(frozen=True)
class DrawnLine:
    picture: Picture
    """[HEIGHT, W]"""
    digits: str


def draw_lines(count: int, seed: int | Sequence[int], corpus: Split, junk: float) -> list[DrawnLine]:
    """Draw `count` lines, always the same for a seed; `junk` is the share of lines that are no number."""
    random = np.random.default_rng(seed)
    pen = Split(*draw_digits(max(10, PEN_DIGITS * count), int(random.integers(2**31)), ALL_STYLES))
    lines: list[DrawnLine] = []
    while len(lines) < count:
        written = _no_number(random) if random.random() < junk else _number(random, (corpus, pen))
        if line := find_line(written.image):
            lines.append(DrawnLine(line.picture, written.digits))
    return lines


def _number(random: np.random.Generator, sources: tuple[Split, Split]) -> WrittenString:
    length = 1 + int(random.choice(LONGEST, p=LENGTHS))
    return draw_string(random, sources[int(random.integers(2))], length)


def _no_number(random: np.random.Generator) -> WrittenString:
    return draw_word(random) if random.random() < WORDS else draw_scrawl(random)
