"""A rough estimate of where a page lies, from features that it shares with the blank form."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.forms.registration.landmarks import FEATURES, Features, landmarks
from pipelines.forms.registration.registered_page import Matrix, Points
from pipelines.forms.template import Template

DISTINCT = 0.85
"""A feature matches if its distance is less than this share of the second best match's."""
TOLERANCE = 2.5
"""Maximum error of a matching feature in mm."""
FEWEST = 6
"""Minimum number of matches whose agreement is not a coincidence."""
NOWHERE: Points = np.zeros((0, 2))


def rough_match(page: Features, template: Template, most: int = FEATURES) -> tuple[Matrix | None, int]:
    """Return the matrix from pixels of the page to millimetres of the form, and how many features agree on it.

    At most `most` of the form's features are used, strongest first. Without a known blank page of the form, nothing
    can match.
    """
    places, targets = _matches(page, template, most)
    if len(places) < FEWEST:
        return None, 0
    matrix, inliers = cv2.findHomography(places, targets, cv2.USAC_MAGSAC, TOLERANCE, maxIters=2000)
    return (None, 0) if matrix is None else (np.asarray(matrix, np.float64), int(inliers.sum()))


def rough_scan(page: Features, template: Template) -> Matrix | None:
    """Do the same for a flat scan, which needs far fewer matches: only rotation, scale and shift are fitted."""
    places, targets = _matches(page, template, FEATURES)
    if len(places) < FEWEST:
        return None
    matrix, _ = cv2.estimateAffinePartial2D(
        places, targets, method=cv2.RANSAC, ransacReprojThreshold=TOLERANCE, maxIters=5000, confidence=0.999
    )
    return None if matrix is None else np.vstack([matrix, [0, 0, 1]])


def _matches(page: Features, template: Template, most: int) -> tuple[Points, Points]:
    """Return positions on the page and on the form that look alike, best matches first."""
    if template.register.reference is None:
        return NOWHERE, NOWHERE
    form = landmarks(template).features.strongest(most)
    if min(len(page.points), len(form.points)) < 8:
        return NOWHERE, NOWHERE
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(page.descriptors, form.descriptors, 2)
    good = sorted((one for one, two in pairs if one.distance < DISTINCT * two.distance), key=lambda one: one.distance)
    return page.points[[one.queryIdx for one in good]], form.points[[one.trainIdx for one in good]]
