"""The strokes in a photo: what is thin and differs from both sides, in the polarity that looks more like writing."""

from __future__ import annotations

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


def find_strokes(grey: Picture, widest: int) -> Darkness:
    """Find strokes that are at most `widest` pixels wide; ink that is lighter than its paper counts as dark, too."""
    smooth = as_bytes(cv2.GaussianBlur(grey, (3, 3), 0))
    element = np.ones((widest, widest), np.uint8)
    edges = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    dark = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, element))
    light = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, element))
    hats = [(_marked(hat), hat, share) for hat, share in zip((dark, light), _likely(smooth), strict=True)]
    ink, levels, _ = max(hats, key=lambda one: _strength(one[1]) * _edged(one[0], one[1], edges) * one[2])
    return Darkness(levels, FAINTEST, ink, np.zeros_like(grey))


def without_rules(strokes: Darkness, rules: list[FoundRule]) -> Darkness:
    """The strokes without these printed lines, but whole where they cross one."""
    if not rules:
        return strokes
    printed = erase(strokes, trace(strokes.ink, rules))
    return replace(strokes, ink=np.where(printed == LINE, 0, strokes.ink).astype(np.uint8))


def _marked(hat: Picture) -> Picture:
    threshold, _ = cv2.threshold(hat, 0, 255, cv2.THRESH_OTSU)
    return (hat > max(threshold, FAINTEST)).astype(np.uint8)


def _edged(mask: Picture, hat: Picture, edges: Picture) -> float:
    """How sharp the contour is all around: a stroke's is, but paper between two strokes is open at its ends."""
    contour = (mask > 0) & (cv2.erode(mask, np.ones((3, 3), np.uint8)) == 0)
    if not contour.any():
        return 0.0
    return float(edges[contour].mean()) / max(float(hat[mask > 0].mean()), 1.0)


def _likely(smooth: Picture) -> tuple[float, float]:
    """How likely ink is darker than its paper, and how likely lighter."""
    dark = darker(smooth, round(SURROUNDINGS * min(smooth.shape)) | 1)
    return (1 + dark) / 2, (1 - dark) / 2


def _strength(hat: Picture) -> float:
    """The contrast of the strongest few per cent of the pixels."""
    counts = np.cumsum(np.bincount(hat[::2, ::2].ravel(), minlength=256)[::-1])
    levels = 255 - np.searchsorted(counts, [counts[-1] // 100, counts[-1] // 30])
    return float(levels.sum())
