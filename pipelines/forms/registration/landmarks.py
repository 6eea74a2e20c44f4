"""The print of a blank form, prepared once so that pages can be recognized and registered by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.documents.document import open_document
from pipelines.documents.limits import Limits
from pipelines.errors import DataError
from pipelines.forms.registration.registered_page import Grey, Points, shrink
from pipelines.forms.template import Box, Template

LONG_SIDE = 900
"""Long side in pixels of the page in which features are detected: about 75 dots per inch for A4."""
FEATURES = 1000
THOROUGH = (1400, 3000)
"""The same two values for a page that is hard to recognize."""
BLOCK = 12.0
"""Side of the pieces of print that are compared, in mm."""
LEVELS = (2.0, 4.0)
"""Dots per mm, from coarse to fine."""
MOST_BLOCKS = 64
REFERENCE_DPI = 200
PRINTED = 0.12
"""Minimum strength of the edges in a block's weaker direction, relative to the strong ones of the page."""


@dataclass(frozen=True)
class Features:
    points: Points
    """[N, 2] in pixels of the page or millimetres of the form, strongest first."""
    descriptors: NDArray[np.uint8]

    def strongest(self, count: int) -> Features:
        return Features(self.points[:count], self.descriptors[:count])


@dataclass(frozen=True)
class Landmarks:
    template: Template
    features: Features
    blocks: Points
    """Upper left corners of pieces of print that are distinct from their surroundings, [N, 2] in mm."""
    levels: tuple[Grey, ...]
    """The blank page at each of LEVELS."""


@lru_cache(maxsize=64)
def landmarks(template: Template) -> Landmarks:
    """Return the landmarks of a template that has a reference; raise a DataError if the reference cannot be used."""
    path = template.register.reference
    if path is None:
        raise DataError(f"The template {template.name!r} has no picture of the blank page; name one as `reference`.")
    try:
        with open_document(path.read_bytes(), str(path), Limits(REFERENCE_DPI)) as document:
            page = document.page(0)
    except OSError as error:
        raise DataError(f"{path}: the blank page of {template.name!r} cannot be read ({error.strerror}).") from error
    _check_shape(page, template)
    levels = tuple(_at_level(page, template, dots) for dots in LEVELS)
    blocks = _blocks(levels[-1], template)
    if len(blocks) < 6:
        raise DataError(f"{path}: there is too little print on the blank page to know it by; use corner marks.")
    found = find_features(page)
    size = np.array([template.width / page.shape[1], template.height / page.shape[0]])
    return Landmarks(template, Features(found.points * size, found.descriptors), blocks, levels)


def find_features(page: Grey, long_side: int = LONG_SIDE, most: int = FEATURES) -> Features:
    """Find features by which the page can be recognized in any orientation."""
    small = shrink(page, long_side / max(page.shape))
    finder = cv2.ORB.create(most, fastThreshold=12)
    keypoints, descriptors = finder.detectAndCompute(small, None)
    if descriptors is None:
        return Features(np.zeros((0, 2)), np.zeros((0, 32), np.uint8))
    size = np.array([page.shape[1] / small.shape[1], page.shape[0] / small.shape[0]])
    points = (np.array([one.pt for one in keypoints]) + 0.5) * size
    order = np.argsort([-one.response for one in keypoints], kind="stable")
    return Features(points[order], np.asarray(descriptors, np.uint8)[order])


def _check_shape(page: Grey, template: Template) -> None:
    ratio = page.shape[1] / page.shape[0] / (template.width / template.height)
    if not 0.97 < ratio < 1.03:
        raise DataError(
            f"{template.register.reference}: the blank page has {page.shape[1]} x {page.shape[0]} pixels, which is not "
            f"the shape of {template.width:g} x {template.height:g} mm that the template {template.name!r} says."
        )


def _at_level(page: Grey, template: Template, dots: float) -> Grey:
    size = (round(template.width * dots), round(template.height * dots))
    small = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    # No scan is as sharp as a drawing.
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.7), np.uint8)


def _blocks(page: Grey, template: Template) -> Points:
    """Return the upper left corners, in mm, of pieces of strong print spread over the page."""
    dots, side = LEVELS[-1], round(BLOCK * LEVELS[-1])
    # Print with edges in only one direction could slide along itself.
    strength = np.asarray(cv2.cornerMinEigenVal(page, side))[side // 2 : -side // 2, side // 2 : -side // 2]
    strength = strength * _outside([one.box for one in template.fields], strength.shape, dots)
    tile = side
    found = _strongest(strength, tile)
    while len(found) > MOST_BLOCKS:
        tile = round(tile * 1.15)
        found = _strongest(strength, tile)
    return found / dots


def _strongest(strength: NDArray[np.float32], tile: int) -> Points:
    """Return the strongest position in every tile of the page, if it is strong enough, as x and y in pixels."""
    places = []
    for top in range(0, strength.shape[0], tile):
        for left in range(0, strength.shape[1], tile):
            _, best, _, (x, y) = cv2.minMaxLoc(strength[top : top + tile, left : left + tile])
            places.append((best, left + x, top + y))
    found = np.array(places)
    return np.asarray(found[found[:, 0] > PRINTED * np.quantile(found[:, 0], 0.95), 1:], np.float64)


def _outside(boxes: list[Box], shape: tuple[int, ...], dots: float) -> NDArray[np.float32]:
    """Return a weight per block, by its upper left corner: lower the more it covers fields, which hold ink."""
    free = np.ones((round(shape[0] + BLOCK * dots), round(shape[1] + BLOCK * dots)), np.float32)
    for box in boxes:
        free[
            max(0, int(box.top * dots)) : int(box.bottom * dots), max(0, int(box.left * dots)) : int(box.right * dots)
        ] = 0
    side = round(BLOCK * dots)
    share = cv2.boxFilter(free, -1, (side, side), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(share[: shape[0], : shape[1]] ** 2, np.float32)
