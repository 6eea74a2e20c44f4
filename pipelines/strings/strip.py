"""The ink of one run of digits, separated from the paper, upright and at a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.bare import without_rules
from pipelines.images.rules.seeking import FoundRule
from pipelines.strings.polarity import is_ink_dark

Picture = NDArray[np.uint8]

DIGIT = 40
"""The height of a digit in a strip, in pixels."""
WORKING_HEIGHT = 96
"""The image height at which ink is found, so that a few grey pixels are recognised as a stroke."""
MOST_ENLARGED = 3.0
INK = 80
"""Brighter pixels count as ink."""
STRONG = 150
"""The least strength of ink that every stroke reaches somewhere."""
FLOOR = 0.75
"""Ink begins at this share of the threshold between ink and paper."""
FAINTEST = 8
"""Below this contrast, in grey levels, there is only paper."""
BROADEST = 1.3
"""What is level for so many heights of the strip is no stroke of a single digit."""
PIECE = 0.5
"""A printed line that leans is level only for this share of the strip, ..."""
WHOLE, REMAINS = 0.9, 0.0
"""... but there along that one, as joined digits are not; of rules that were found and erased something may remain."""
SHEARS = np.arange(-0.8, 0.85, 0.1)


@dataclass(frozen=True)
class Strip:
    ink: Picture
    """Bright on black; digits are about `DIGIT` pixels tall and upright."""
    to_image: NDArray[np.float64]
    """[2, 3]: the affine transform from the strip to the image."""


def find_strip(grey: Picture, rules: Sequence[FoundRule] = ()) -> Strip | None:
    """Find the strip in a grey image, without these printed lines; None if there is only paper."""
    factor = min(WORKING_HEIGHT / grey.shape[0], MOST_ENLARGED)
    ink = _ink(_resized(grey, factor), [rule.placed(0, 0, factor) for rule in rules])
    height = _digit_height(ink)
    if not height:
        return None
    shrink = DIGIT / height
    small = _resized(ink, shrink)
    upright, shift = _upright(small)
    scale = factor * shrink
    return Strip(upright, _back(scale, *shift))


def _resized(image: Picture, factor: float) -> Picture:
    height, width = image.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return as_bytes(cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC))


def _ink(grey: Picture, rules: Sequence[FoundRule]) -> Picture:
    """The ink, from 0 (faint) to 255 (full), without printed lines and grain."""
    smooth = as_bytes(cv2.GaussianBlur(grey, (0, 0), 1.3))
    is_dark = is_ink_dark(smooth, _reach(smooth))
    if rules:
        bare = without_rules(grey if is_dark else ~grey, rules)
        smooth = as_bytes(cv2.GaussianBlur(bare if is_dark else ~bare, (0, 0), 1.3))
    bright = ~smooth if is_dark else smooth
    lifted = _lifted(bright)
    threshold, mask = cv2.threshold(lifted, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    inked = lifted[mask > 0]
    if not inked.size or np.median(inked) < FAINTEST or not _stands_out(lifted, threshold):
        return np.zeros_like(grey)
    floor, full = FLOOR * threshold, float(np.median(inked))
    ink = np.clip((lifted - floor) * (255 / (full - floor)), 0, 255).astype(np.uint8)
    return _without_grain(_without_lines(ink, REMAINS if rules else WHOLE))


def _reach(image: Picture) -> int:
    """The size of a window that is wider than any stroke."""
    return round(0.35 * min(image.shape)) | 1


def _lifted(bright: Picture) -> Picture:
    """The image minus its paper, which is found by a morphological opening wider than any stroke."""
    reach = _reach(bright)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((reach, reach), np.uint8))
    return as_bytes(cv2.subtract(bright, cv2.blur(opened, (reach, reach))))


def _stands_out(lifted: Picture, threshold: float) -> bool:
    """Whether there is ink: on blank paper the histogram has one peak, and the two sides of a threshold are close."""
    ink, paper = lifted[lifted > threshold], lifted[lifted <= threshold]
    return float(ink.mean() - paper.mean()) > 3.0 * float(paper.std()) + 2


def _without_lines(ink: Picture, whole: float) -> Picture:
    """Remove printed lines along at least this share of the strip, but keep the strokes that cross them."""
    height, width = ink.shape
    length = max(round(max(PIECE * width, BROADEST * height)), 3)
    if length > width:
        return ink
    mask = as_bytes(ink > INK)
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    lines = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    if not lines.any() or lines.any(0).mean() < whole:
        return ink
    thick = max(3, height // 12)
    near = cv2.dilate(lines, np.ones((thick, 3), np.uint8))
    rest = mask & ~(near > 0)
    # A stroke that ends at the line or crosses it goes on for the line's own width.
    reaching = as_bytes(cv2.dilate(as_bytes(rest), np.ones((2 * thick + 1, 1), np.uint8)))
    through = cv2.morphologyEx(reaching & as_bytes(near > 0) & mask, cv2.MORPH_OPEN, np.ones((thick, 1), np.uint8))
    return as_bytes(ink * ((near == 0) | (through > 0)))


def _without_grain(ink: Picture) -> Picture:
    """Keep only blobs that are strong somewhere."""
    count, labels = cv2.connectedComponents(as_bytes(ink > INK // 2))
    strong = np.bincount(labels[ink >= STRONG], minlength=count) >= 6
    strong[0] = False
    return as_bytes(ink * strong[labels])


def _digit_height(ink: Picture) -> float:
    """The median height of the blobs, weighted by their ink: small marks may be many."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(as_bytes(ink > INK))
    heights, areas = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    if not areas.size:
        return 0.0
    order = np.argsort(heights)
    middle = np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)
    return float(heights[order][middle])


def _upright(ink: Picture) -> tuple[Picture, tuple[float, float]]:
    """The ink sheared so that slanting strokes become upright, and the shear with its shift to the right."""
    height = ink.shape[0]
    margin = round(0.8 * height)
    best = max(SHEARS, key=lambda shear: _uprightness(_sheared(ink, float(shear), margin)))
    upright = _sheared(ink, float(best), margin)
    columns = np.flatnonzero(upright.any(0))
    first, last = int(columns[0]), int(columns[-1]) + 1
    offset = margin - best * height / 2 - first
    return upright[:, first:last], (float(best), float(offset))


def _sheared(ink: Picture, shear: float, margin: int) -> Picture:
    """Shear about the middle row, and pad by the margin on both sides."""
    height, width = ink.shape
    matrix = np.array([[1, shear, margin - shear * height / 2], [0, 1, 0]])
    return as_bytes(cv2.warpAffine(ink, matrix, (width + 2 * margin, height)))


def _uprightness(ink: Picture) -> float:
    """How upright the strokes are: upright ones concentrate their ink in few columns."""
    return float(np.square((ink > INK).sum(0, dtype=np.float64)).sum())


def _back(scale: float, shear: float, offset: float) -> NDArray[np.float64]:
    forward = np.array([[scale, shear * scale, offset], [0, scale, 0], [0, 0, 1]])
    return np.linalg.inv(forward)[:2]
