"""How large a page is, by its resolution or else by its shape."""

from __future__ import annotations

from pipelines.errors import UsageError
from pipelines.forms.template import SIZES

MM_PER_INCH = 25.4
ROUNDING = 1.5
"""A page that is this near to a usual paper, in mm, is that paper."""
SAME_SHAPE = 0.02
"""How far the ratio of the sides may be from a usual paper's: less than half of what is between A4 and Letter."""


def page_size(width: int, height: int, dpi: float | None = None) -> tuple[float, float]:
    """Width and height in mm of a page of so many pixels; without a resolution, of the usual paper of its shape."""
    if dpi is None:
        return _by_shape(width, height)
    size = (width / dpi * MM_PER_INCH, height / dpi * MM_PER_INCH)
    for paper in _papers():
        if max(abs(size[0] - paper[0]), abs(size[1] - paper[1])) <= ROUNDING:
            return paper
    return round(size[0], 2), round(size[1], 2)


def _by_shape(width: int, height: int) -> tuple[float, float]:
    shape = width / height
    paper = min(_papers(), key=lambda size: abs(shape * size[1] / size[0] - 1))
    if abs(shape * paper[1] / paper[0] - 1) > SAME_SHAPE:
        raise UsageError(
            f"A page of {width} x {height} pixels has the shape of neither A4 nor Letter; state its resolution.",
            option="dpi",
        )
    return paper


def _papers() -> list[tuple[float, float]]:
    return [paper for width, height in SIZES.values() for paper in ((width, height), (height, width))]
