"""QR codes printed on a form: they say which form a page is, and roughly where it lies."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.forms.paper.straight import Grey, Matrix, Points
from pipelines.forms.template import Template

Codes = dict[str, Points]
"""The corners of each, from its upper left clockwise, in pixels, by what it says."""


def find_codes(page: Grey) -> Codes:
    _, texts, corners, _ = cv2.QRCodeDetector().detectAndDecodeMulti(page)
    found = [] if corners is None else corners
    return {text: np.asarray(one, np.float64) for text, one in zip(texts, found, strict=True) if text}


def rough_by_code(codes: Codes, template: Template) -> Matrix | None:
    """From pixels to millimetres; None where the template's code was not seen.

    Turned and scaled only: what the corners of so small a thing say of perspective is mostly error.
    """
    code, box = template.register.code, template.register.code_box
    if code is None or box is None or code not in codes:
        return None
    places = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    matrix, _ = cv2.estimateAffinePartial2D(codes[code], np.array(places), method=cv2.LMEDS)
    return None if matrix is None else np.vstack([matrix, [0, 0, 1]])
