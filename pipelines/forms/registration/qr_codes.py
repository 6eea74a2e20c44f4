"""QR codes printed on a form: they say which form a page is, and roughly where it lies."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.forms.registration.registered_page import Grey, Matrix, Points
from pipelines.forms.template import Template

Codes = dict[str, Points]
"""The corners of each, from its upper left clockwise, in pixels, by what it says."""


def find_codes(page: Grey) -> Codes:
    # Grain hides a code from the detector, and blur hides one of few pixels.
    for image in (cv2.GaussianBlur(page, (0, 0), 1), page):
        _, texts, corners, _ = cv2.QRCodeDetectorAruco().detectAndDecodeMulti(image)
        if any(texts):
            return {text: np.asarray(one, np.float64) for text, one in zip(texts, corners, strict=True) if text}
    return {}


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
