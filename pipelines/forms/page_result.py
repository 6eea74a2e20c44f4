"""What comes of reading a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pipelines.forms.paper.straight import Grey
from pipelines.forms.readings import ERROR, OK, REVIEW, FieldReading
from pipelines.forms.template import Template

WORST_FIRST = (ERROR, REVIEW, OK)
TICKED, EMPTY = "1", "0"
"""The values of a mark, which can be added up."""


@dataclass(frozen=True)
class PageResult:
    """What was read of one page, or why nothing could be."""

    source: str
    page: int
    """From 1."""
    template: Template | None
    fields: Mapping[str, FieldReading]
    """By name, in the order of the template."""
    reason: str | None
    """Why the page could not be read."""
    picture: bytes
    """The straightened page as JPEG, DOTS_PER_MM pixels to the millimetre; empty if it could not be straightened."""
    residual_mm: float | None = None
    """How far from its place what is printed lies on that page."""

    @cached_property
    def pixels(self) -> Grey:
        """The picture, decoded once for all who show a part of it."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.picture, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)

    @property
    def status(self) -> str:
        """Of the field that most needs eyes."""
        there = {ERROR} if self.reason else {reading.status for reading in self.fields.values()}
        return next((status for status in WORST_FIRST if status in there), OK)
