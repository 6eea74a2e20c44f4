"""How much darker than the paper each pixel of a scan is, and which pixels are ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes
from pipelines.images.rules.shade import find_shade

Grey = NDArray[np.uint8]

FAINTEST = 12.0
"""Grey levels by which ink must differ from the paper, however clean the scan is."""
NOISES = 4.5
"""Ink is darker than this many standard deviations of the paper's noise."""
EDGE = 0.3
"""A stroke ends where it is lighter than this share of the darkest pixel nearby."""
WIDEST_DOTS = 56
"""Anything wider than this many dots is shading of the paper, not ink."""
SMALLER = 4
SAMPLE = 4096
"""Number of pixels that are enough to estimate the paper's statistics."""


@dataclass(frozen=True)
class Darkness:
    levels: Grey
    """How many grey levels each pixel is darker than the paper."""
    faintest: float
    """Differences below this grey level are noise."""
    ink: Grey
    """1 where there is ink."""
    shade: Grey
    """Grey levels that were subtracted for shading that comes from beyond the field."""

    def turned(self) -> Darkness:
        """Return the transposed measurement."""
        levels, ink, shade = (np.ascontiguousarray(one.T) for one in (self.levels, self.ink, self.shade))
        return Darkness(levels, self.faintest, ink, shade)

    def within(self, frame: int) -> Darkness:
        """Return the measurement without a frame of so many dots."""
        inner = slice(frame, -frame)
        levels, ink, shade = (np.ascontiguousarray(one[inner, inner]) for one in (self.levels, self.ink, self.shade))
        return Darkness(levels, self.faintest, ink, shade)


def measure(image: Grey, is_shaded: bool = True) -> Darkness:
    """`is_shaded` takes off what darkens the picture from beyond its rim, where no stroke of a pen may end."""
    smooth = smoothed(image)
    lifted = cv2.subtract(_paper(smooth), smooth, dtype=cv2.CV_16S)
    noise = _noise(smooth)
    # Usually most of a field is paper, but up to half of it may be ink.
    middle = int(_lowest(lifted.ravel()[:: max(1, lifted.size // SAMPLE)], 0.3))
    levels = np.clip(lifted - np.int16(middle), 0, 255).astype(np.uint8)
    faintest = max(FAINTEST, NOISES * noise)
    shade = find_shade(levels, faintest) if is_shaded else np.zeros_like(levels)
    levels = as_bytes(cv2.subtract(levels, shade))
    darkest = cv2.dilate(levels, np.ones((5, 5), np.uint8))
    thresholds = np.maximum(faintest, EDGE * np.arange(256)).clip(0, 255).astype(np.uint8)
    ink = cv2.threshold(cv2.subtract(levels, cv2.LUT(darkest, thresholds)), 0, 1, cv2.THRESH_BINARY)[1]
    return Darkness(levels, faintest, as_bytes(ink), shade)


def smoothed(image: Grey) -> Grey:
    """Return the image as its darkness is measured."""
    return as_bytes(cv2.GaussianBlur(image, (0, 0), 0.8))


def _noise(smooth: Grey) -> float:
    """Estimate the noise from neighbouring pixels, most of which are both paper or both ink."""
    apart = smooth[:, 3:].astype(np.int16) - smooth[:, :-3]
    sample = apart.ravel()[:: max(1, apart.size // SAMPLE)]
    return 1.4826 * _lowest(np.abs(sample), 0.5) / 2**0.5 if sample.size else 0.0


def _lowest(sample: NDArray[Any], share: float) -> float:
    """Return the value below which this share of a large sample lies."""
    rank = int(share * (len(sample) - 1))
    return float(np.partition(sample, rank)[rank])


def _paper(smooth: Grey) -> Grey:
    """Estimate the paper under the ink by closing a small copy with an element wider than any stroke."""
    height, width = smooth.shape
    size = (max(1, width // SMALLER), max(1, height // SMALLER))
    small = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    reach = WIDEST_DOTS // SMALLER
    framed = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    # The edge of a shadow must stay as dark as the shadow itself; smoothing alone would brighten it.
    paper = np.minimum(closed, cv2.blur(closed, (5, 5)))[reach:-reach, reach:-reach]
    return as_bytes(cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR))
