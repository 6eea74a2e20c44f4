"""What darkens a field from beyond it is taken off, and told; the ink under it stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.forms.cells.cutting import CellCut, cut_cells
from pipelines.images.rules.darkness import measure
from tests.pipelines.forms.cells.drawing import CELLS, COMB, DOTS, Drawing, comb_field

NUMBER = [None, 4, None, None, 7, 2, None, 0, None]


def shaded(what: str, drawing: Drawing) -> None:
    """Multiplied with what is there, as coffee on ink is no lighter than ink."""
    light = np.ones(drawing.canvas.shape, np.float32)
    match what:
        case "coffee":
            cv2.circle(light, drawing.at(COMB.left + 12, COMB.top - 14), 20 * DOTS, 0.6, 3 * DOTS, cv2.LINE_AA)
        case "crease":
            cv2.line(light, drawing.at(0, COMB.top + 2), drawing.at(100, COMB.top + 2.8), 0.8, DOTS // 3, cv2.LINE_AA)
        case "upright crease":
            cv2.line(light, drawing.at(COMB.left + 7.5, 0), drawing.at(COMB.left + 7.5, 40), 0.75, DOTS // 3)
        case "crease on the edge":
            cv2.line(light, drawing.at(0, COMB.top), drawing.at(100, COMB.top), 0.8, DOTS // 3)
    light = cv2.GaussianBlur(light, (0, 0), 0.2 * DOTS)
    drawing.canvas = (drawing.canvas * light).astype(np.uint8)


def cut(what: str, style: str, level: int) -> list[CellCut]:
    drawing = Drawing((0.3, -0.2))
    drawing.comb(style)
    drawing.digits(NUMBER, seed=5, level=level)
    shaded(what, drawing)
    return cut_cells(drawing.scan(comb_field(style)), comb_field(style))


@pytest.mark.parametrize("level", [40, 130])
@pytest.mark.parametrize("style", ["closed", "teeth"])
@pytest.mark.parametrize("what", ["coffee", "crease", "upright crease", "crease on the edge"])
def test_blank_cells_stay_blank_and_digits_stay_whole(what: str, style: str, level: int) -> None:
    cuts, clean = cut(what, style, level), cut("nothing", style, level)
    assert [cut.blank for cut in cuts] == [one is None for one in NUMBER]
    for one, other in zip(cuts, clean, strict=True):
        if not one.blank:
            assert 0.65 < _inked(one) / _inked(other) < 1.2


def _inked(cut: CellCut) -> int:
    ink = 255 - cut.image
    return int((ink > 0.25 * ink.max()).sum())


@pytest.mark.parametrize("what", ["coffee", "crease", "upright crease"])
def test_the_cells_that_it_runs_through_are_told(what: str) -> None:
    disturbed = [cut.disturbed for cut in cut(what, "closed", 40)]
    assert disturbed[1]
    assert all(disturbed) == (what == "crease")
    assert not any(cut.disturbed for cut in cut("nothing", "closed", 40))


def test_a_box_filled_with_ink_is_no_shade() -> None:
    drawing = Drawing()
    drawing.comb("closed")
    wide = COMB.width / CELLS
    corners = [drawing.at(COMB.left + 2 * wide + 0.5, COMB.top + 1), drawing.at(COMB.left + 3 * wide - 0.5, 18)]
    cv2.rectangle(drawing.canvas, *corners, 60, -1)
    dark = measure(drawing.scan(comb_field()).image[60:190, 90:520])
    assert (dark.shade > dark.faintest).mean() < 0.01
    assert not cut_cells(drawing.scan(comb_field()), comb_field())[2].blank
