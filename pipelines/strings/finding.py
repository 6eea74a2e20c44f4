"""Finding runs of handwritten digits in a photo, in reading order, and the printed lines around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.seeking import FoundRule, find_rules
from pipelines.strings.one_line import one_line
from pipelines.strings.runs import SMALLEST, Boxes, find_blobs, find_runs, in_reading_order, outer
from pipelines.strings.strokes import faint_as_well, find_strokes, without_rules

Picture = NDArray[np.uint8]
PixelBox = tuple[int, int, int, int]
"""Left, top, width, height, in pixels."""

WORKING_SIDE = 480
"""The longer side, in pixels, at which a photo is searched."""
STROKE = 19
"""The widest stroke of a usual pen, in pixels of the working size."""
BROAD_STROKE = 61
"""The widest stroke of any pen: numbers that fill the photo are searched for separately."""
BROAD_TALL = 4 * STROKE
"""The smallest height of a digit written with a pen broader than usual."""
MARGIN = 0.25
"""The margin around a run, as a share of its height."""


@dataclass(frozen=True)
class Run:
    """Where there may be a number, and the printed lines of the photo, which are no part of it."""

    box: PixelBox
    part: PixelBox
    """What is read: the box, or all of a picture that is one number."""
    rules: tuple[FoundRule, ...]
    """In pixels of the part."""


def find_strings(image: Picture) -> list[Run]:
    """Every run of possible digits in a grey image [H, W], dark on light or light on dark.

    Of an image of one line of writing all is read, since it may have been cut out closely.
    """
    factor = min(1.0, WORKING_SIDE / max(image.shape))
    height, width = (max(1, round(side * factor)) for side in image.shape)
    small = as_bytes(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
    strokes = find_strokes(small, STROKE, BROAD_STROKE)
    usual = next(strokes)
    rules = find_rules(faint_as_well(usual))
    placed = tuple(rule.placed(0, 0, 1 / factor) for rule in rules)
    found = []
    for one in chain([usual], strokes):
        found.append(find_blobs(without_rules(one, rules).ink))
        if (line := one_line(found[-1], rules)) is not None:
            return [Run(_in_image(line, factor, image.shape), (0, 0, image.shape[1], image.shape[0]), placed)]
    each = (find_runs(blobs, least, rules) for blobs, least in zip(found, (SMALLEST, BROAD_TALL), strict=True))
    boxes = [_in_image(run, factor, image.shape) for run in in_reading_order(outer([*chain.from_iterable(each)]))]
    return [Run(box, box, _within(placed, box)) for box in boxes]


def _within(rules: Sequence[FoundRule], box: PixelBox) -> tuple[FoundRule, ...]:
    left, top, width, height = box
    placed = (rule.placed(left, top, 1) for rule in rules)
    return tuple(rule for rule in placed if rule.touches(width, height))


def _in_image(run: Boxes, factor: float, shape: tuple[int, ...]) -> PixelBox:
    margin = MARGIN * (run[3] - run[1]) + 2
    left, top = (max(0, int((value - margin) / factor)) for value in run[:2])
    right, bottom = (int(np.ceil((value + margin) / factor)) for value in run[2:])
    return left, top, min(right, shape[1]) - left, min(bottom, shape[0]) - top
