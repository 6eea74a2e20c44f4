"""Numbers written on plain paper with drawn digits, placed exactly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.drawing.pen import ink_skeleton
from pipelines.drawing.skeletons import STYLES

Picture = NDArray[np.uint8]
PLAIN = {0: 0, 1: 0, 2: 0, 3: 0, 4: 1, 5: 0, 6: 0, 7: 0, 8: 1, 9: 0}
"""For each digit the hand that nobody mistakes."""


def digit(number: int, seed: int = 0, height: int = 44) -> Picture:
    """Its ink alone, bright on black, cropped."""
    canvas = ink_skeleton(STYLES[number][PLAIN[number]], np.random.default_rng(seed))
    left, top, width, tall = cv2.boundingRect(canvas)
    size = (max(1, round(width * height / tall)), height)
    return np.asarray(cv2.resize(canvas[top : top + tall, left : left + width], size, interpolation=cv2.INTER_AREA))


def row(numbers: str, gap: int = 8, seed: int = 0, height: int = 44) -> Picture:
    """Digits side by side; a gap below 0 lets them run into one another."""
    glyphs = [digit(int(number), seed + index, height) for index, number in enumerate(numbers)]
    canvas = np.zeros((height, sum(glyph.shape[1] for glyph in glyphs) + max(gap, 0) * len(glyphs)), np.uint8)
    left = 0
    for glyph in glyphs:
        view = canvas[:, left : left + glyph.shape[1]]
        np.maximum(view, glyph, out=view)
        left += glyph.shape[1] + gap
    return canvas[:, : left - gap]


def on_paper(ink: Picture, margin: int = 14, seed: int = 0) -> Picture:
    """Dark on light, with grain."""
    framed = np.pad(ink, margin).astype(np.float64)
    grain = np.random.default_rng(seed).normal(0, 2, framed.shape)
    return np.clip(225 - 150 * framed / 255 + grain, 0, 255).astype(np.uint8)
