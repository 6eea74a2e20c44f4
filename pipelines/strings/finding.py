"""Finding runs of handwritten digits in a photo, in reading order."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

Picture = NDArray[np.uint8]
PixelBox = tuple[int, int, int, int]
"""Left, top, width, height, in pixels."""
Boxes = NDArray[np.int64]
"""[N, 4]: left, top, right, bottom."""

WORKING_SIDE = 480
"""The longer side, in pixels, at which a photo is searched."""
STROKE = 19
"""The widest stroke of a usual pen, in pixels of the working size."""
BROAD_STROKE = 61
"""The widest stroke of any pen: numbers that fill the photo are searched for separately."""
BROAD_TALL = 4 * STROKE
"""The smallest height of a digit written with a pen broader than usual."""
FAINTEST = 22
"""How many grey levels ink must differ from the paper around it."""
SMALLEST, LARGEST = 9, 0.95
"""The height of a digit: at least so many pixels of the working size, at most this share of the image's height."""
WIDEST = 0.7
"""The largest width of a digit, as a share of the image's width."""
FULLEST = 0.92
"""A blob that fills more of its bounding box is no stroke, unless it is as narrow as a 1."""
GAP = 1.1
"""The largest distance between digits of one run, in heights of a digit."""
MOST_BLOBS = 250
"""More blobs than this are texture: only the tallest are considered."""
WITHIN = 0.7
"""A run belongs to a larger one if at least this share of it lies inside."""
MARGIN = 0.25
"""The margin around a run, as a share of its height."""


def find_strings(image: Picture) -> list[PixelBox]:
    """Every run of possible digits in a grey image [H, W], dark on light or light on dark."""
    factor = min(1.0, WORKING_SIDE / max(image.shape))
    height, width = (max(1, round(side * factor)) for side in image.shape)
    small = as_bytes(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    runs = _outer([*_runs(small, STROKE, SMALLEST), *_runs(small, BROAD_STROKE, BROAD_TALL)])
    return [_in_image(run, factor, image.shape) for run in _in_reading_order(runs)]


def _runs(grey: Picture, stroke: int, smallest: int) -> list[Boxes]:
    """Boxes around groups of blobs that are at least `smallest` tall, with strokes at most `stroke` wide."""
    blobs = _blobs(_strokes(grey, stroke))
    if not len(blobs):
        return []
    runs = [_around(blobs[group]) for group in _groups(blobs)]
    return [run for run in runs if run[3] - run[1] >= smallest]


def _outer(runs: list[Boxes]) -> list[Boxes]:
    """Drop runs that lie within a larger one: loops or parts of its digits, or the same run again."""
    kept: list[Boxes] = []
    for run in sorted(runs, key=_area, reverse=True):
        if all(_common(run, other) < WITHIN * _area(run) for other in kept):
            kept.append(run)
    return kept


def _area(run: Boxes) -> int:
    return int((run[2] - run[0]) * (run[3] - run[1]))


def _common(one: Boxes, other: Boxes) -> int:
    across, down = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return int(max(across, 0) * max(down, 0))


def _strokes(grey: Picture, stroke: int) -> Picture:
    """A mask of thin strokes that differ from both sides, in the polarity that looks more like writing."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    element = np.ones((stroke, stroke), np.uint8)
    edges = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
    dark = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, element))
    light = as_bytes(cv2.morphologyEx(smooth, cv2.MORPH_TOPHAT, element))
    hats = [(_marked(hat), hat) for hat in (dark, light)]
    return max(hats, key=lambda pair: _strength(pair[1]) * _edged(pair[0], pair[1], edges))[0]


def _marked(hat: Picture) -> Picture:
    threshold, _ = cv2.threshold(hat, 0, 255, cv2.THRESH_OTSU)
    return as_bytes(hat > max(threshold, FAINTEST))


def _edged(mask: Picture, hat: Picture, edges: Picture) -> float:
    """How sharp the contour is all around: a stroke's is, but paper between two strokes is open at its ends."""
    contour = (mask > 0) & (cv2.erode(mask, np.ones((3, 3), np.uint8)) == 0)
    if not contour.any():
        return 0.0
    return float(edges[contour].mean()) / max(float(hat[mask > 0].mean()), 1.0)


def _strength(hat: Picture) -> float:
    """The contrast of the strongest few per cent of the pixels."""
    counts = np.cumsum(np.bincount(hat[::2, ::2].ravel(), minlength=256)[::-1])
    levels = 255 - np.searchsorted(counts, [counts[-1] // 100, counts[-1] // 30])
    return float(levels.sum())


def _blobs(mask: Picture) -> Boxes:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    left, top, width, height, area = stats[1:].T.astype(np.int64)
    fill = area / (width * height)
    digit = (height >= SMALLEST) & (height <= LARGEST * len(mask)) & (width <= WIDEST * mask.shape[1])
    stroke = (fill < FULLEST) | (width < 0.4 * height)
    flat = width > 6 * height
    chosen = np.flatnonzero(digit & stroke & ~flat)
    chosen = chosen[np.argsort(-height[chosen], kind="stable")[:MOST_BLOBS]]
    return np.stack([left, top, left + width, top + height], axis=1)[chosen]


def _groups(blobs: Boxes) -> list[NDArray[np.intp]]:
    """Groups of blobs that are neighbours on one line, directly or through others."""
    left, top, right, bottom = blobs.T
    height = bottom - top
    taller = np.maximum(height[:, None], height)
    lower = np.minimum(height[:, None], height)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    shared = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    near = (gap <= GAP * taller) & (shared >= 0.5 * lower) & (taller <= 3 * lower)
    return _connected(near)


def _connected(near: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Connected components: each group is named by the lowest index that its members can reach."""
    names = np.arange(len(near))
    while True:
        lowest = np.where(near, names, len(near)).min(1)
        if np.array_equal(lowest, names):
            return [np.flatnonzero(names == name) for name in np.unique(names)]
        names = lowest


def _around(blobs: Boxes) -> Boxes:
    return np.concatenate([blobs[:, :2].min(0), blobs[:, 2:].max(0)])


def _in_reading_order(runs: list[Boxes]) -> list[Boxes]:
    """Line by line: a run belongs to the line with which it shares half of its height."""
    lines: list[list[Boxes]] = []
    for run in sorted(runs, key=lambda run: int(run[1] + run[3])):
        line = lines[-1] if lines else []
        if line and _shared(run, line[0]) >= 0.5:
            line.append(run)
        else:
            lines.append([run])
    return [run for line in lines for run in sorted(line, key=lambda run: int(run[0]))]


def _shared(one: Boxes, other: Boxes) -> float:
    common = min(one[3], other[3]) - max(one[1], other[1])
    return float(common / min(one[3] - one[1], other[3] - other[1]))


def _in_image(run: Boxes, factor: float, shape: tuple[int, ...]) -> PixelBox:
    margin = MARGIN * (run[3] - run[1]) + 2
    left, top = (max(0, int((value - margin) / factor)) for value in run[:2])
    right, bottom = (int(np.ceil((value + margin) / factor)) for value in run[2:])
    return left, top, min(right, shape[1]) - left, min(bottom, shape[0]) - top
