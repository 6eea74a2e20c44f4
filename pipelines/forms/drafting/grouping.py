"""Grouping of the rectangles on a blank page into fields, and the kind of each field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pipelines.forms.drafting.shapes import Rectangle
from pipelines.forms.template import Box, FieldKind

LINE = 0.25
"""Thickness of a printed line in mm where neighbouring cells do not show it."""
JOINED = 0.9
"""Cells closer together than this, in mm, share a line."""
APART = 0.6
"""Boxes in a row belong to one number if the gaps are smaller than this share of their width."""
EVEN = 0.5
"""Gaps within a row differ by less than this, in mm."""
ALIKE = 0.12
LARGEST_MARK = 6.5
SQUARE = (0.77, 1.3)
CELL_WIDTHS, CELL_HEIGHTS, CELL_SHAPES = (2.2, 14.0), (3.0, 18.0), (0.75, 2.6)
LONE_CELL_SHAPES = (1.3, 2.6)
WRITING = 4.0
"""A box lower than this, in mm, has no room for writing."""
HIGHEST_NUMBER = 16.0
LEVEL = 0.3
"""A comb whose ends differ in height by less than this, in mm, needs no separate cell boxes."""

Row = list[Rectangle]


@dataclass(frozen=True)
class DraftField:
    """A field without a name; `word` describes what it looks like."""

    word: str
    kind: FieldKind
    box: Box
    cells: int | None = None
    cell_boxes: tuple[Box, ...] = ()

    @property
    def without_name(self) -> dict[str, Any]:
        return {"kind": self.kind, "box": self.box, "cells": self.cells, "cell_boxes": self.cell_boxes}


def fields_of(rectangles: Sequence[Rectangle], open_combs: Sequence[Row]) -> list[DraftField]:
    """Return every field on the page in reading order."""
    rows = _rows(rectangles)
    closed = [field for row in rows if (field := _closed(row))]
    combs = [_comb(row, 0.0) for row in open_combs]
    return _in_reading_order([*closed, *(comb for comb in combs if not _is_known(comb, rectangles))])


def _rows(rectangles: Sequence[Rectangle]) -> list[Row]:
    """Group equally large, evenly spaced rectangles into rows; every other rectangle is a row of its own."""
    rows: list[Row] = []
    for rectangle in sorted(rectangles, key=lambda one: one.x):
        fitting = [row for row in rows if _continues(row, rectangle)]
        if fitting:
            max(fitting, key=lambda row: row[-1].x).append(rectangle)
        else:
            rows.append([rectangle])
    return rows


def _continues(row: Row, new: Rectangle) -> bool:
    last = row[-1]
    alike = all(
        abs(one - other) <= max(ALIKE * max(one, other), 0.4)
        for one, other in ((last.width, new.width), (last.height, new.height))
    )
    if not (alike and _is_cell(last) and _is_cell(new)):
        return False
    gap, off = _gap(last, new)
    even = len(row) < 2 or abs(gap - _gap(row[-2], last)[0]) <= EVEN
    return even and off <= 0.2 * new.height and -LINE <= gap <= max(JOINED, APART * new.width)


def _gap(one: Rectangle, other: Rectangle) -> tuple[float, float]:
    """Return the gap between two rectangles along the first one's lean, and their offset across it."""
    away = np.array([other.x - one.x, other.y - one.y])
    along, across = away @ [np.cos(one.lean), np.sin(one.lean)], away @ [-np.sin(one.lean), np.cos(one.lean)]
    return float(along) - (one.width + other.width) / 2, abs(float(across))


def _is_cell(one: Rectangle) -> bool:
    return all(
        low <= value <= high
        for value, (low, high) in (
            (one.width, CELL_WIDTHS),
            (one.height, CELL_HEIGHTS),
            (one.height / one.width, CELL_SHAPES),
        )
    )


def _closed(row: Row) -> DraftField | None:
    if len(row) > 1:
        gap = float(np.median([_gap(one, other)[0] for one, other in pairwise(row)]))
        return _comb(row, gap if gap <= JOINED else LINE, joined=gap <= JOINED)
    return _lone(row[0])


def _lone(one: Rectangle) -> DraftField | None:
    """Classify a single box: for a tick, a digit, a number or words."""
    shape, box = one.height / one.width, _upright(one, LINE)
    if max(one.width, one.height) <= LARGEST_MARK and SQUARE[0] <= shape <= SQUARE[1]:
        return DraftField("mark", "mark", box)
    if _is_cell(one) and LONE_CELL_SHAPES[0] <= shape <= LONE_CELL_SHAPES[1]:
        return DraftField("comb", "digits", box, 1)
    if one.height < WRITING or one.width < one.height:
        return None
    return DraftField("box", "number" if one.height <= HIGHEST_NUMBER else "text_image", box)


def _comb(row: Row, line: float, joined: bool = True) -> DraftField:
    """Build a comb whose cells extend to the centres of their lines."""
    boxes = tuple(_upright(one, line) for one in row)
    whole = _around(boxes)
    if not joined or abs(row[-1].y - row[0].y) > LEVEL:
        return DraftField("comb", "digits", whole, len(row), boxes)
    height, middle = float(np.mean([box.height for box in boxes])), float(np.mean([one.y for one in row]))
    return DraftField("comb", "digits", _rounded(whole.left, middle - height / 2, whole.width, height), len(row))


def _upright(one: Rectangle, line: float) -> Box:
    """Return the upright box of a cell; a leaning cell keeps its centre and its own side lengths."""
    width, height = one.width + line, one.height + line
    return _rounded(one.x - width / 2, one.y - height / 2, width, height)


def _rounded(*sides: float) -> Box:
    """Round to a hundredth of a millimetre, which is finer than paper is accurate."""
    return Box(*(round(float(side), 2) for side in sides))


def _around(boxes: Sequence[Box]) -> Box:
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    return _rounded(left, top, max(box.right for box in boxes) - left, max(box.bottom for box in boxes) - top)


def _is_known(comb: DraftField, rectangles: Sequence[Rectangle]) -> bool:
    """Return whether closed cells were already found there."""
    box = comb.box
    return any(box.left < one.x < box.right and box.top < one.y < box.bottom for one in rectangles)


def _in_reading_order(fields: Sequence[DraftField]) -> list[DraftField]:
    """Sort the fields by lines from the top; a line holds the fields centred above its first field's bottom."""
    lines: list[list[DraftField]] = []
    for field in sorted(fields, key=lambda one: one.box.top + one.box.height / 2):
        middle = field.box.top + field.box.height / 2
        if lines and middle < lines[-1][0].box.bottom:
            lines[-1].append(field)
        else:
            lines.append([field])
    return [field for line in lines for field in sorted(line, key=lambda one: one.box.left)]
