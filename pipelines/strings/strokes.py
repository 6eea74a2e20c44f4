"""The strokes in a photo: what is thin and differs from both sides, in the polarity that looks more like writing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.darkness import Darkness
from pipelines.images.rules.erasing import LINE, erase
from pipelines.images.rules.seeking import FoundRule, trace
from pipelines.strings.polarity import darker

Picture = NDArray[np.uint8]

SURROUNDINGS = 0.35
"""The side of what surrounds a pixel, as a share of the photo's shorter side."""
FAINTEST = 22
"""How many grey levels ink must differ from the paper around it."""
PRINTED = 0.7
"""A printed line may be as faint as this share of the threshold between paper and what is written."""


def find_strokes(grey: Picture, *widest: int) -> Iterator[Darkness]:
    """Find strokes that are at most so many pixels wide; ink that is lighter than its paper counts as dark, too.

    Each width is searched when it is asked for.
    """
    smooth = as_bytes(cv2.GaussianBlur(grey, (3, 3), 0))
    edges = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    likely = _likely(smooth)
    return (_strokes(smooth, edges, likely, width) for width in widest)


def _strokes(smooth: Picture, edges: Picture, likely: tuple[float, float], widest: int) -> Darkness:
    element = np.ones((widest, widest), np.uint8)
    dark = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, element))
    light = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, element))
    hats = [(_marked(hat), hat, share) for hat, share in zip((dark, light), likely, strict=True)]
    ink, levels, _ = max(hats, key=lambda one: _strength(one[1]) * _edged(one[0], one[1], edges) * one[2])
    return Darkness(levels, FAINTEST, ink, np.zeros_like(smooth))


def faint_as_well(strokes: Darkness) -> Picture:
    """The ink with what is printed in a lighter grey than the writing."""
    return _marked(strokes.levels, PRINTED)


def without_rules(strokes: Darkness, rules: list[FoundRule]) -> Darkness:
    """The strokes without these printed lines, but whole where they cross one."""
    if not rules:
        return strokes
    printed = erase(strokes, trace(strokes.ink, rules))
    return replace(strokes, ink=np.where(printed == LINE, 0, strokes.ink).astype(np.uint8))


def _marked(hat: Picture, share: float = 1.0) -> Picture:
    threshold, _ = cv2.threshold(hat, 0, 255, cv2.THRESH_OTSU)
    return as_bytes(cv2.threshold(hat, max(share * threshold, FAINTEST), 1, cv2.THRESH_BINARY)[1])


def _edged(mask: Picture, hat: Picture, edges: Picture) -> float:
    """How sharp the contour is all around: a stroke's is, but paper between two strokes is open at its ends."""
    contour = as_bytes(cv2.subtract(mask, cv2.erode(mask, np.ones((3, 3), np.uint8))))
    return cv2.mean(edges, contour)[0] / max(cv2.mean(hat, mask)[0], 1.0)


def _likely(smooth: Picture) -> tuple[float, float]:
    """How likely ink is darker than its paper, and how likely lighter."""
    dark = darker(smooth, round(SURROUNDINGS * min(smooth.shape)) | 1)
    return (1 + dark) / 2, (1 - dark) / 2


def _strength(hat: Picture) -> float:
    """The contrast of the strongest few per cent of the pixels."""
    sample = np.ascontiguousarray(hat[::2, ::2])
    counts = np.cumsum(cv2.calcHist([sample], [0], None, [256], [0, 256]).ravel()[::-1], dtype=np.float64)
    levels = 255 - np.searchsorted(counts, [counts[-1] // 100, counts[-1] // 30])
    return float(levels.sum())
