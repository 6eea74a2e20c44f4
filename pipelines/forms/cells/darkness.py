"""How much darker than its paper each place of a scan is, and which of that is ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.cells.shade import find_shade
from pipelines.images.levels import as_bytes

Grey = NDArray[np.uint8]

FAINTEST = 12.0
"""Levels below which a difference from the paper is no ink, however clean the scan is."""
NOISES = 4.5
"""Ink is darker than this many deviations of the paper's own noise."""
EDGE = 0.3
"""A stroke ends where it is lighter than this share of its darkest place near by."""
WIDEST_DOTS = 56
"""What is wider is shading of the paper, and not ink."""
SMALLER = 4
SAMPLE = 4096
"""Places that tell what the paper is like as well as all do."""


@dataclass(frozen=True)
class Darkness:
    levels: Grey
    """How many levels darker than the paper."""
    faintest: float
    """Below this it is noise."""
    ink: Grey
    """1 where there is ink."""
    shade: Grey
    """How many levels were taken off for what darkens the field from beyond it."""

    def turned(self) -> Darkness:
        """With rows for columns."""
        levels, ink, shade = (np.ascontiguousarray(one.T) for one in (self.levels, self.ink, self.shade))
        return Darkness(levels, self.faintest, ink, shade)


def measure(image: Grey) -> Darkness:
    smooth = as_bytes(cv2.GaussianBlur(image, (0, 0), 0.8))
    lifted = cv2.subtract(_paper(smooth), smooth, dtype=cv2.CV_16S)
    noise = _noise(smooth)
    # More of a field is paper than is ink, but half of it may be ink.
    middle = int(_lowest(lifted.ravel()[:: max(1, lifted.size // SAMPLE)], 0.3))
    levels = np.clip(lifted - np.int16(middle), 0, 255).astype(np.uint8)
    faintest = max(FAINTEST, NOISES * noise)
    shade = find_shade(levels, faintest)
    levels = as_bytes(cv2.subtract(levels, shade))
    darkest = cv2.dilate(levels, np.ones((5, 5), np.uint8))
    thresholds = np.maximum(faintest, EDGE * np.arange(256)).clip(0, 255).astype(np.uint8)
    ink = cv2.threshold(cv2.subtract(levels, cv2.LUT(darkest, thresholds)), 0, 1, cv2.THRESH_BINARY)[1]
    return Darkness(levels, faintest, as_bytes(ink), shade)


def _noise(smooth: Grey) -> float:
    """The deviation of the grey levels, told by neighbours, which are mostly both paper or both ink."""
    apart = smooth[:, 3:].astype(np.int16) - smooth[:, :-3]
    sample = apart.ravel()[:: max(1, apart.size // SAMPLE)]
    return 1.4826 * _lowest(np.abs(sample), 0.5) / 2**0.5 if sample.size else 0.0


def _lowest(sample: NDArray[Any], share: float) -> float:
    """What this share of a large sample stays below."""
    rank = int(share * (len(sample) - 1))
    return float(np.partition(sample, rank)[rank])


def _paper(smooth: Grey) -> Grey:
    """The paper under the ink, by closing a small copy with an element wider than what is written."""
    height, width = smooth.shape
    size = (max(1, width // SMALLER), max(1, height // SMALLER))
    small = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    reach = WIDEST_DOTS // SMALLER
    framed = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    # Where a shadow ends, its own side is as dark as it is: what is smoothed would let the light in.
    paper = np.minimum(closed, cv2.blur(closed, (5, 5)))[reach:-reach, reach:-reach]
    return as_bytes(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR))
