"""A page whose form is not yet known: scaled down, examined once, and rejected if it is blank."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pipelines.forms.registration.landmarks import THOROUGH, Features, find_features
from pipelines.forms.registration.qr_codes import Codes, find_codes
from pipelines.forms.registration.registered_page import BlankPage, Grey, Matrix, scaling, shrink

WORKING_SIDE = 2500
"""Maximum pixels of the long side for comparing print; halving to reach it leaves more than half as many."""
DARKER = 24
"""Grey levels between the paper and the faintest print."""
LEAST_PRINT = 5e-4
"""Minimum share of dark pixels on a page with any print; a few specks are less."""
SHARP = 0.5
"""Minimum steepness of the edges of print; a step within two working pixels is 1."""


@dataclass(frozen=True)
class ScannedPage:
    """A page under examination, with what is known about it so far."""

    image: Grey
    working: Grey
    features: Features
    """In pixels of `working`."""

    @cached_property
    def thorough(self) -> Features:
        """More features, for a page that is hard to recognize."""
        return find_features(self.working, *THOROUGH)

    @property
    def to_working(self) -> Matrix:
        return scaling(self.working.shape[1] / self.image.shape[1], self.working.shape[0] / self.image.shape[0])

    @cached_property
    def codes(self) -> Codes:
        """In pixels of `working`; detected only if a template asks for them."""
        return find_codes(self.working)


def scan_page(image: Grey) -> ScannedPage:
    """Prepare a page for comparison with any number of templates; raise a BlankPage if there is nothing on it."""
    halved = max(0, int(np.ceil(np.log2(max(image.shape) / WORKING_SIDE))))
    working = shrink(image, 0.5**halved) if halved else image
    if _is_blank(working):
        raise BlankPage("the page is blank.")
    return ScannedPage(image, working, find_features(working))


def _is_blank(working: Grey) -> bool:
    return float((_ink(working) > DARKER).mean()) < LEAST_PRINT


def _ink(working: Grey) -> Grey:
    """Return how much darker each pixel is than the surrounding paper, without the grain of the scan."""
    small = cv2.GaussianBlur(shrink(working, 0.5), (0, 0), 0.7)
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    return np.asarray(cv2.subtract(paper, small), np.uint8)


def is_blurred(working: Grey) -> bool:
    return sharpness(working) < SHARP


def sharpness(working: Grey) -> float:
    """Return the steepness of the strongest edges, relative to the contrast between print and paper."""
    smooth = np.asarray(cv2.GaussianBlur(working, (0, 0), 0.8), np.uint8)
    across, down = cv2.absdiff(smooth[:-2, 2:], smooth[:-2, :-2]), cv2.absdiff(smooth[2:, :-2], smooth[:-2, :-2])
    (steep,) = _levels(np.asarray(cv2.max(across, down), np.uint8), 0.995)
    low, high = _levels(smooth, 0.002, 0.6)
    return steep / max(high - low, 1)


def _levels(image: Grey, *shares: float) -> list[int]:
    """Return the grey levels below which these shares of the image lie."""
    upto = np.cumsum(cv2.calcHist([image], [0], None, [256], [0, 256]))
    return [int(np.searchsorted(upto, share * upto[-1])) for share in shares]
