"""Finding the ink in the image of one digit, and the digit in the ink."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.paper import paper_of, without
from pipelines.images.polarity import is_paper_bright

Ink = NDArray[np.uint8]

FAINTEST = 10
"""Below this contrast, in grey levels, an image is blank paper, however clean it is."""
GRAINY_SIDE = 48
STRONG, FIRM, WEAK = 96, 64, 48
"""A blob is ink if it is strong somewhere, and reaches as far as it is weak: the pen's pressure changes on its way."""
SPECK = 0.04
"""A blob smaller than this share of the largest is dirt."""
EVENING = 0.7
"""How far a faint stroke is lifted to the usual level: 0 not at all, 1 completely."""
LEAST = 0.15
"""The `least` of `_evened` on clean paper."""
OUTSTANDING = 99.5
"""The percentile of brightness that a stroke exceeds; fewer pixels than lie above it are dirt."""
LEVELS = np.arange(256)
SEPARATE = 0.75
"""Ink and paper are two if so much of the variance lies between them; a single one, however noisy, has less."""
MUCH = 0.25
"""Ink on so much of the picture is left out where the paper's texture is measured."""
RIM = 0.14
"""The outer part of the picture, in which lie the remains of a printed box."""


def find_ink(grey: Ink) -> Ink | None:
    """The ink alone, bright on black and stretched to the full range, or None on blank paper."""
    bright = _smooth(~grey if is_paper_bright(grey) else grey)
    lifted = without(bright, paper_of(bright))
    threshold, _ = cv2.threshold(lifted, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    # The pixels are bytes, so every median and percentile can be computed from their histogram.
    counts = np.bincount(lifted.ravel(), minlength=256)
    inked = np.where(threshold < LEVELS, counts, 0)
    if not inked.any():
        return None
    full, texture = _median(LEVELS, inked), _texture(counts, int(threshold))
    # On blank paper the threshold cuts through the paper's own texture, and nothing stands out of it.
    if max(full, _outstanding(counts)) < max(FAINTEST, 1.2 * texture):
        return None
    floor = min(texture, threshold / 2)
    stretched = np.clip((LEVELS - floor) * (255 / (full - floor)), 0, 255).astype(np.uint8)
    return _evened(as_bytes(cv2.LUT(lifted, stretched)), max(LEAST, min(1.0, 2 * texture / full)))


def _evened(ink: Ink, least: float) -> Ink:
    """Lift faint strokes towards the dark ones, since pressure varies and a pen runs dry.

    No ink is lifted as if it were fainter than `least` of the usual level, so that what is no stroke stays faint.
    """
    reach = max(ink.shape) // 8 | 1
    near = as_bytes(cv2.blur(cv2.dilate(ink, np.ones((reach, reach), np.uint8)), (reach, reach)))
    lifts = (255 / np.maximum(LEVELS.astype(np.float32), 255 * least)) ** EVENING
    return np.minimum(ink * cv2.LUT(near, lifts), 255).astype(np.uint8)


def _smooth(bright: Ink) -> Ink:
    """Reduce the noise of a camera or scanner, if the image has pixels to spare."""
    return as_bytes(cv2.GaussianBlur(bright, (0, 0), 0.9)) if max(bright.shape) >= GRAINY_SIDE else bright


def _texture(counts: NDArray[np.intp], threshold: int) -> float:
    """How bright bare paper gets; by medians, which are unaffected by ink on less than half of what is counted."""
    if counts[threshold + 1 :].sum() > MUCH * counts.sum() and _separation(counts, threshold) > SEPARATE:
        return min(threshold / 2, _texture_of(np.where(threshold >= LEVELS, counts, 0)))
    return _texture_of(counts)


def _texture_of(counts: NDArray[np.intp]) -> float:
    middle = _median(LEVELS, counts)
    order, apart = _by_distance(middle)
    return middle + 4 * 1.4826 * _median(apart, counts[order])


@cache
def _by_distance(middle: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    apart = np.abs(LEVELS - middle)
    order = np.argsort(apart)
    return order, apart[order]


def _separation(counts: NDArray[np.intp], threshold: int) -> float:
    """The share of the variance that lies between what is below the threshold and what is above: of noise 0.64."""
    total = counts.sum()
    mean = counts @ LEVELS / total
    low = counts[: threshold + 1]
    share = low.sum() / total
    if not 0 < share < 1:
        return 0.0
    below = low @ LEVELS[: threshold + 1] / low.sum()
    between = share / (1 - share) * (mean - below) ** 2
    return float(between / max(counts @ (LEVELS - mean) ** 2 / total, 1e-9))


def _median(values: NDArray[Any], counts: NDArray[np.intp]) -> float:
    """The median of sorted values, each of which occurs `counts` times."""
    upto = np.cumsum(counts)
    low, high = values[np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], "right")]
    return float(low + high) / 2


def _outstanding(counts: NDArray[np.intp]) -> float:
    """The level that only the brightest pixels exceed: the percentile `OUTSTANDING`."""
    upto = np.cumsum(counts)
    rank = OUTSTANDING / 100 * (upto[-1] - 1)
    low, high = np.searchsorted(upto, [int(rank), min(int(rank) + 1, upto[-1] - 1)], "right")
    return float(low + (high - low) * (rank - int(rank)))


def only_digit(ink: Ink) -> Ink | None:
    """The ink cropped to its large blobs, without specks and without the remains of a box; None if nothing is left."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((ink >= WEAK).astype(np.uint8), connectivity=8)
    strong = np.bincount(labels[ink >= STRONG], minlength=count)[1:] > 0
    if not strong.any():
        return None
    areas = stats[1:, cv2.CC_STAT_AREA] * strong
    inner = ~_lies_in_rim(np.asarray(labels), stats[1:, cv2.CC_STAT_AREA])
    # A digit can hug the rim too, where the picture is cut tightly: then there is little else.
    candidates = inner if areas[inner].sum() >= 0.2 * areas.sum() else np.ones(count - 1, bool)
    kept = candidates & (areas >= max(2, SPECK * areas[candidates].max()))
    if not kept.any():
        return None
    mask = np.concatenate([[False], kept])[labels].astype(np.uint8)
    near = as_bytes(cv2.dilate(mask, np.ones((3, 3), np.uint8)))
    # The soft edge of a stroke is ink, but does not count for the digit's length.
    firm = as_bytes(cv2.dilate(mask * (ink >= FIRM).astype(np.uint8), np.ones((3, 3), np.uint8)))
    left, top, width, height = cv2.boundingRect(firm)
    return (ink * near)[top : top + height, left : left + width]


def _lies_in_rim(labels: NDArray[Any], areas: NDArray[Any]) -> NDArray[np.bool_]:
    height, width = labels.shape
    deep = max(1, round(RIM * min(height, width)))
    inside = np.bincount(labels[deep : height - deep, deep : width - deep].ravel(), minlength=len(areas) + 1)[1:]
    return inside < 0.1 * areas
