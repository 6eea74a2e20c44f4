"""QR codes printed on a form: they identify the form and show roughly where it lies."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.forms.registration.registered_page import Grey, Matrix, Points
from pipelines.forms.template import Template

Codes = dict[str, Points]
"""The corners of each code in pixels, clockwise from its upper left, by the code's text."""


def find_codes(page: Grey) -> Codes:
    # Grain hides a code from the detector, and blur hides a code with few pixels.
    for image in (cv2.GaussianBlur(page, (0, 0), 1), page):
        _, texts, corners, _ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(image)
        if any(texts):
            return {text: np.asarray(one, np.float64) for text, one in zip(texts, corners, strict=True) if text}
    return {}


def rough_by_code(codes: Codes, template: Template) -> Matrix | None:
    """Return the matrix from pixels to millimetres, or None if the template's code was not seen.

    It only rotates, scales and shifts: what the corners of such a small code suggest about perspective is mostly error.
    """
    code, box = template.register.code, template.register.code_box
    if code is None or box is None or code not in codes:
        return None
    places = [(box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom)]
    matrix, _ = cv2.estimateAffinePartial2D(codes[code], np.array(places), method=cv2.LMEDS)
    return None if matrix is None else np.vstack([matrix, [0, 0, 1]])
