"""A rough idea of where a page lies, by features that it shares with the blank form."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.forms.paper.landmarks import FEATURES, Features, landmarks
from pipelines.forms.paper.straight import Matrix
from pipelines.forms.template import Template

DISTINCT = 0.85
"""A feature is matched if the second best is this much further away at least."""
TOLERANCE = 2.5
"""Millimetres."""


def rough_match(page: Features, template: Template, most: int = FEATURES) -> tuple[Matrix | None, int]:
    """From pixels of the page to millimetres of the form, and how many features agree on it.

    At most so many of the form's are looked at, the strongest. Nothing agrees with a form of which no blank page is
    known.
    """
    if template.register.reference is None:
        return None, 0
    form = landmarks(template).features.strongest(most)
    if min(len(page.points), len(form.points)) < 8:
        return None, 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(page.descriptors, form.descriptors, 2)
    good = sorted((one for one, two in pairs if one.distance < DISTINCT * two.distance), key=lambda one: one.distance)
    if len(good) < 6:
        return None, 0
    places = page.points[[one.queryIdx for one in good]]
    targets = form.points[[one.trainIdx for one in good]]
    matrix, inliers = cv2.findHomography(places, targets, cv2.USAC_MAGSAC, TOLERANCE, maxIters=2000)
    return (None, 0) if matrix is None else (np.asarray(matrix, np.float64), int(inliers.sum()))
