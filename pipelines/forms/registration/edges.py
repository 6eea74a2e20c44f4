"""Detection of the printed edges of fields on a straightened page, for forms without a known blank page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import Grey
from pipelines.forms.template import Box, Field, Template

REACH = 1.0
"""How far from its expected position a line may lie, in mm."""
DARKER = 12
"""Minimum grey levels by which a line is darker than the paper on both sides of it."""


@dataclass(frozen=True)
class Edges:
    share: float
    """The share of fields whose edges were found."""
    residual_mm: float
    """The median distance of the edges from their expected positions, in mm."""


def find_edges(straight: Grey, template: Template, dots: float) -> Edges:
    """Find the lines along the lower edges and the sides of fields."""
    smooth = np.asarray(cv2.GaussianBlur(straight, (0, 0), 0.15 * dots), np.uint8)
    found, offsets = [], []
    for field in template.fields:
        is_there, of_field = _edges_of(smooth, field, dots)
        found.append(is_there)
        offsets += of_field
    if not offsets:
        return Edges(0.0, np.inf)
    return Edges(float(np.mean(found)), float(np.median(offsets)))


def framed_fields(straight: Grey, fields: Iterable[Field], dots: float) -> frozenset[str]:
    """Return the names of the fields whose edges are visible."""
    smooth = np.asarray(cv2.GaussianBlur(straight, (0, 0), 0.15 * dots), np.uint8)
    return frozenset(field.name for field in fields if _edges_of(smooth, field, dots)[0])


def _edges_of(smooth: Grey, field: Field, dots: float) -> tuple[bool, list[float]]:
    """Return whether most of a field's boxes have lines, and the distances of those from their expected positions."""
    seen = [_offset(smooth, box, dots) for box in field.cell_boxes or (field.box,)]
    there = [offset for offset in seen if offset is not None]
    return len(there) > len(seen) / 2, there


def _offset(straight: Grey, box: Box, dots: float) -> float | None:
    """Return the distance of the box's lines from their expected positions, in mm; None if there are none."""
    below, left = _below(straight, box, dots), _left(straight, box, dots)
    return None if below is None or left is None else float(np.hypot(below, left))


def _below(straight: Grey, box: Box, dots: float) -> float | None:
    inset = min(1.0, box.width / 4)
    top, bottom = box.bottom - 3 * REACH, box.bottom + 3 * REACH
    return _line(_cut(straight, box.left + inset, top, box.right - inset, bottom, dots), dots)


def _left(straight: Grey, box: Box, dots: float) -> float | None:
    # A comb that is open at the top has only the lower part of its sides printed.
    top = box.bottom - box.height * 0.35
    return _line(_cut(straight, box.left - 3 * REACH, top, box.left + 3 * REACH, box.bottom, dots).T, dots)


def _cut(straight: Grey, left: float, top: float, right: float, bottom: float, dots: float) -> Grey:
    rows = slice(max(0, round(top * dots)), max(0, round(bottom * dots)))
    return straight[rows, max(0, round(left * dots)) : max(0, round(right * dots))]


def _line(strip: Grey, dots: float) -> float | None:
    """Return how far from the middle, in mm, a row is dark throughout between bright ones; None if none is."""
    reach = round(REACH * dots)
    if strip.shape[0] < 4 * reach or not strip.shape[1]:
        return None
    rows = _bright_part(strip)
    middle = strip.shape[0] // 2
    near = rows[middle - reach : middle + reach + 1]
    return float(near.argmin() + 0.5 - reach) / dots if rows.max() - near.min() > DARKER else None


def _bright_part(strip: Grey) -> NDArray[np.float64]:
    """Return the 0.7 quantile of each row, without the overhead of NumPy's own function for short rows."""
    ordered = np.sort(strip, axis=1).astype(np.float64)
    rank = 0.7 * (strip.shape[1] - 1)
    low = ordered[:, int(rank)]
    return np.asarray(low + (ordered[:, ceil(rank)] - low) * (rank - int(rank)), np.float64)
