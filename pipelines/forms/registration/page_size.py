"""The size of a page: as somebody says it, from its resolution, or otherwise from its shape."""

from __future__ import annotations

import re

from pipelines.errors import UsageError
from pipelines.forms.template import SIZES

MM_PER_INCH = 25.4
UNITS = {"mm": 1.0, "cm": 10.0, "in": MM_PER_INCH}
PAPERS = {**SIZES, "A3": (297.0, 420.0), "A5": (148.0, 210.0), "A6": (105.0, 148.0), "Legal": (215.9, 355.6)}
SAID = re.compile(r"(\d+(?:\.\d+)?)(?:x(\d+(?:\.\d+)?))?(mm|cm|in)")
LEAST_MM, MOST_MM = 20.0, 1500.0
ROUNDING = 1.5
"""A page within this many mm of a common paper size has that size."""
SAME_SHAPE = 0.02
"""How much the aspect ratio may differ from a common paper's: less than half the difference between A4 and Letter."""
OTHER_SHAPE = 0.05
"""How much it may differ from a size that somebody says, since a photo is not cut as exactly as a scan."""
EXAMPLES = "a paper such as A5, width and height such as 210x297mm, or the width alone, such as 80mm for a receipt"


def page_size(width: int, height: int, dpi: float | None = None) -> tuple[float, float]:
    """Return the size in mm of a page with this many pixels; without a resolution, assume paper of its shape."""
    if dpi is None:
        return _by_shape(width, height)
    size = (width / dpi * MM_PER_INCH, height / dpi * MM_PER_INCH)
    for paper in _turned(*PAPERS.values()):
        if max(abs(size[0] - paper[0]), abs(size[1] - paper[1])) <= ROUNDING:
            return paper
    return round(size[0], 2), round(size[1], 2)


def said_size(text: str, width: int, height: int) -> tuple[float, float]:
    """Return the size in mm that somebody says of a page with this many pixels."""
    size = _paper(text, width, height) or _measures(text, width, height)
    if size is None:
        raise UsageError(f"{text!r} is no size of a page; say {EXAMPLES}.", option="size")
    if not all(LEAST_MM <= side <= MOST_MM for side in size):
        raise UsageError(
            f"A page of size {text} has {size[0]:g} x {size[1]:g} mm; each side must be from {LEAST_MM:g} to "
            f"{MOST_MM:g} mm.",
            option="size",
        )
    if abs(width / height * size[1] / size[0] - 1) > OTHER_SHAPE:
        raise UsageError(
            f"A page of size {text} has another shape than the picture of {width} x {height} pixels; cut the picture "
            "to the page, or say the size of what it shows.",
            option="size",
        )
    return size


def _paper(text: str, width: int, height: int) -> tuple[float, float] | None:
    """The named paper, lying as the picture does."""
    named = next((size for name, size in PAPERS.items() if name.lower() == text.lower()), None)
    return named if named is None or width <= height else named[::-1]


def _measures(text: str, width: int, height: int) -> tuple[float, float] | None:
    said = SAID.fullmatch(text.replace(" ", "").lower())
    if not said:
        return None
    wide = float(said[1]) * UNITS[said[3]]
    high = float(said[2]) * UNITS[said[3]] if said[2] else wide * height / width
    return round(wide, 2), round(high, 2)


def _by_shape(width: int, height: int) -> tuple[float, float]:
    shape = width / height
    paper = min(_turned(*SIZES.values()), key=lambda size: abs(shape * size[1] / size[0] - 1))
    if abs(shape * paper[1] / paper[0] - 1) > SAME_SHAPE:
        raise UsageError(
            f"A page of {width} x {height} pixels has the shape of neither A4 nor Letter; say its size: {EXAMPLES}; "
            "or the resolution of a scan.",
            option="size",
        )
    return paper


def _turned(*sizes: tuple[float, float]) -> list[tuple[float, float]]:
    return [paper for width, height in sizes for paper in ((width, height), (height, width))]
