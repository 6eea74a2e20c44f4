"""A run of digits becomes a line: level, of one height, and every place in it known in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.strings.line import HEIGHT, MARGIN, WIDEST, TextLine, find_line
from pipelines.strings.strip import INK
from tests.pipelines.strings.written import on_paper, row


def line_of(image: np.ndarray) -> TextLine:
    line = find_line(image)
    assert line is not None
    return line


def slope(picture: np.ndarray) -> float:
    rows, columns = np.nonzero(picture > INK)
    return float(np.polyfit(columns, rows, 1)[0])


@pytest.mark.parametrize("height", [22, 44, 130])
def test_it_has_one_height_and_room_at_its_ends(height: int) -> None:
    picture = line_of(on_paper(row("2365", height=height))).picture
    assert picture.shape[0] == HEIGHT
    rows, columns = np.nonzero(picture > INK)
    assert 0.45 * HEIGHT < np.ptp(rows) + 1 < 0.8 * HEIGHT
    assert abs(columns.min() - MARGIN) <= 3 and abs(picture.shape[1] - 1 - columns.max() - MARGIN) <= 3


def test_what_climbs_is_levelled() -> None:
    ink = np.pad(row("23652365"), ((60, 60), (0, 0)))
    climbing = cv2.warpAffine(ink, np.array([[1.0, 0, 0], [-0.2, 1, 40]]), ink.shape[::-1])
    assert abs(slope(np.asarray(climbing))) > 0.15
    assert abs(slope(line_of(on_paper(np.asarray(climbing))).picture)) < 0.04


def test_a_place_in_the_line_is_found_in_the_picture() -> None:
    image = on_paper(row("2365"))
    line = line_of(image)
    rows, columns = np.nonzero(line.picture > 200)
    for place in range(0, len(rows), 97):
        left, top, width, height = line.box_in_image(columns[place], rows[place], columns[place] + 1, rows[place] + 1)
        assert image[top : top + height, left : left + width].min() < 130


def test_blank_paper_has_no_line() -> None:
    assert find_line(np.full((50, 200), 220, np.uint8)) is None


def test_of_a_run_without_end_nothing_is_cut_off() -> None:
    image = on_paper(row("23" * 60))
    line = line_of(image)
    assert line.picture.shape == (HEIGHT, WIDEST)
    columns = np.flatnonzero((line.picture > INK).any(0))
    assert columns.max() > WIDEST - 3 * MARGIN
    left, _, width, _ = line.box_in_image(0, 0, WIDEST, HEIGHT)
    assert left + width >= image.shape[1] - 20
