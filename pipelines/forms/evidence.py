"""Whether the printed edges of fields are on a page laid straight, for forms of which no blank page is known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.straight import Grey
from pipelines.forms.template import Box, Field, Template

REACH = 1.0
"""How far from its place a line may lie, in mm."""
DARKER = 12
"""Grey levels by which a line is darker than the paper on both sides of it, at least."""


def fields_found(straight: Grey, template: Template, dots: float) -> NDArray[np.bool_]:
    """For every field whether a line is printed along its lower edge or its sides."""
    smooth = np.asarray(cv2.GaussianBlur(straight, (0, 0), 0.15 * dots), np.uint8)
    return np.array([_has_frame(smooth, one, dots) for one in template.fields], bool)


def _has_frame(straight: Grey, field: Field, dots: float) -> bool:
    boxes = field.cell_boxes or (field.box,)
    seen = [_line_below(straight, box, dots) and _line_left(straight, box, dots) for box in boxes]
    return bool(np.mean(seen) > 0.5)


def _line_below(straight: Grey, box: Box, dots: float) -> bool:
    inset = min(1.0, box.width / 4)
    return _has_line(
        _cut(straight, box.left + inset, box.bottom - 3 * REACH, box.right - inset, box.bottom + 3 * REACH, dots), dots
    )


def _line_left(straight: Grey, box: Box, dots: float) -> bool:
    # Of a comb that is open at the top only the lower part of the sides is printed.
    top = box.bottom - box.height * 0.35
    return _has_line(_cut(straight, box.left - 3 * REACH, top, box.left + 3 * REACH, box.bottom, dots).T, dots)


def _cut(straight: Grey, left: float, top: float, right: float, bottom: float, dots: float) -> Grey:
    rows = slice(max(0, round(top * dots)), max(0, round(bottom * dots)))
    return straight[rows, max(0, round(left * dots)) : max(0, round(right * dots))]


def _has_line(strip: Grey, dots: float) -> bool:
    """Whether a row near the middle of the strip is dark all along, between bright ones."""
    reach = round(REACH * dots)
    if strip.shape[0] < 4 * reach or not strip.shape[1]:
        return False
    rows = np.quantile(strip, 0.7, axis=1)
    middle = strip.shape[0] // 2
    return bool(rows.max() - rows[middle - reach : middle + reach + 1].min() > DARKER)
