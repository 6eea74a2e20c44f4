"""The size of a page, from its resolution or otherwise from its shape."""

from __future__ import annotations

from pipelines.errors import UsageError
from pipelines.forms.template import SIZES

MM_PER_INCH = 25.4
ROUNDING = 1.5
"""A page within this many mm of a common paper size has that size."""
SAME_SHAPE = 0.02
"""How much the aspect ratio may differ from a common paper's: less than half the difference between A4 and Letter."""


def page_size(width: int, height: int, dpi: float | None = None) -> tuple[float, float]:
    """Return the size in mm of a page with this many pixels; without a resolution, assume paper of its shape."""
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
