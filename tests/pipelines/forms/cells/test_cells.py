"""What is written in a field's cells comes out whole, without what is printed, and blank is blank."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.forms.cells.cutting import CellCut, cut_cells, cut_field
from pipelines.forms.registration.registered_page import DOTS_PER_MM
from pipelines.forms.template import Box, Field
from pipelines.images import to_model_input
from pipelines.inference.recognizer import Recognizer
from tests.pipelines.forms.cells.drawing import CELLS, COMB, DOTS, STYLES, Drawing, comb_field

PLACES = [((0.0, 0.0), 0.0), ((0.8, -0.7), 0.6), ((-0.6, 0.9), -1.5)]
NUMBERS = [[3, 1, 4, 1, 5, 9, 2, 6, 5], [8, 0, 7, 2, 6, 4, 9, 3, 0], [1, 7, 4, 7, 2, 0, 8, 5, 9]]
NUDGES = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]


def filled(style: str, place: Any, number: list[int], seed: int, printed: bool = True) -> list[CellCut]:
    drawing = Drawing(*place)
    drawing.digits(number, seed)
    if printed:
        drawing.comb(style)
    return cut_cells(drawing.scan(comb_field(style)), comb_field(style))


@pytest.mark.parametrize("style", STYLES)
def test_a_digit_over_printed_lines_is_what_it_is_without_them(style: str) -> None:
    alike = []
    for seed, (place, number) in enumerate(zip(PLACES, NUMBERS, strict=True)):
        cuts = to_model_input([cut.image for cut in filled(style, place, number, seed)])
        clean = to_model_input([cut.image for cut in filled(style, place, number, seed, printed=False)])
        alike += [_likeness(one, other) for one, other in zip(cuts, clean, strict=True)]
    assert np.mean(np.array(alike) >= 0.75) >= 0.9, np.round(alike, 2)


def _likeness(one: Any, other: Any) -> float:
    if not (one.any() and other.any()):
        return 0.0
    return max(float(np.corrcoef(np.roll(one, nudge, (0, 1)).ravel(), other.ravel())[0, 1]) for nudge in NUDGES)


def test_cut_cells_are_read_right() -> None:
    right = []
    with Recognizer("builtin", engine="onnxruntime", threads=1) as reader:
        for style in STYLES:
            for seed, (place, number) in enumerate(zip(PLACES, NUMBERS, strict=True)):
                labels = reader.read([cut.image for cut in filled(style, place, number, seed)]).labels
                right += [label == str(digit) for label, digit in zip(labels, number, strict=True)]
    assert np.mean(right) >= 0.95


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("noise", [0, 4, 12])
def test_an_empty_cell_is_blank_however_noisy_the_scan(style: str, noise: float) -> None:
    drawing = Drawing((0.5, -0.6), 0.7)
    drawing.comb(style)
    assert all(cut.blank for cut in cut_cells(drawing.scan(comb_field(style), noise), comb_field(style)))


def test_specks_and_pencil_dots_are_blank() -> None:
    drawing, random = Drawing(), np.random.default_rng(3)
    drawing.comb("closed")
    for at in range(CELLS):
        for y in (1.5, 4.5):
            x = COMB.left + 5 * at + random.uniform(1, 4)
            cv2.circle(drawing.canvas, drawing.at(x, COMB.top + y), int(random.integers(1, 12)), 70, -1)
    assert [cut.blank for cut in cut_cells(drawing.scan(comb_field()), comb_field())] == [True] * CELLS


@pytest.mark.parametrize(("width", "level", "noise"), [(0.13, 120, 8), (0.13, 170, 4), (0.3, 205, 4)])
def test_a_thin_or_faint_one_is_not_blank(width: float, level: int, noise: float) -> None:
    drawing = Drawing((0.4, 0.3))
    drawing.comb("closed")
    for at in range(CELLS):
        x = COMB.left + 5 * at + 1.7 + 0.2 * at
        drawing.stroke((x + 0.3, COMB.top + 1.5), (x - 0.3, COMB.top + 5.5), width=width, level=level)
    assert [cut.blank for cut in cut_cells(drawing.scan(comb_field(), noise), comb_field())] == [False] * CELLS


@pytest.mark.parametrize(("size", "blank"), [(2.5, False), (2.0, False), (1.2, True)])
def test_a_small_one_in_a_tall_cell_is_not_blank_and_a_speck_is(size: float, blank: bool) -> None:
    """A hand that writes small does so in a tall cell, too, and there a speck is no larger than elsewhere."""
    tall = Field("tall", "digits", Box(15, 12, 45, 14.5), 3)
    drawing = Drawing()
    for at in range(3):
        drawing.box(Box(15 + 15 * at, 12, 15, 14.5))
    drawing.stroke((37, 18), (37.2, 18 + size), width=0.35)
    assert [cut.blank for cut in cut_cells(drawing.scan(tall), tall)] == [True, blank, True]


def test_blank_and_filled_cells_stand_in_their_order() -> None:
    number = [None, 4, None, None, 7, 2, None, 0, None]
    drawing = Drawing((0.3, 0.3))
    drawing.comb("closed")
    drawing.digits(number, seed=5)
    assert [cut.blank for cut in cut_cells(drawing.scan(comb_field()), comb_field())] == [one is None for one in number]


@pytest.mark.parametrize("style", STYLES)
def test_cells_are_found_where_they_are_printed(style: str) -> None:
    expected = cut_cells(_printed(style, (0.0, 0.0)), comb_field(style))
    for shift in ((1.2, -1.0), (-1.2, 0.8)):
        for cut, at_home in zip(cut_cells(_printed(style, shift), comb_field(style)), expected, strict=True):
            moved = (cut.box.left - at_home.box.left, cut.box.bottom - at_home.box.bottom)
            assert moved == pytest.approx(shift, abs=0.2)


def _printed(style: str, shift: tuple[float, float]) -> Any:
    drawing = Drawing(shift)
    drawing.comb(style)
    drawing.digits([None] * 5 + NUMBERS[0][:4], seed=1)
    return drawing.scan(comb_field(style))


def test_where_nothing_is_printed_the_cells_are_the_templates() -> None:
    drawing = Drawing()
    drawing.digits(NUMBERS[1], seed=2)
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert [cut.box.left for cut in cuts] == pytest.approx([COMB.left + 5 * at for at in range(CELLS)], abs=0.07)


def test_print_around_a_field_is_not_in_its_cells() -> None:
    drawing = Drawing()
    drawing.comb("closed")
    for words, y in (("YOUR NUMBER 123", COMB.top - 0.6), ("office use only", COMB.bottom + 2.4)):
        cv2.putText(drawing.canvas, words, drawing.at(COMB.left, y), 0, 2, 40, 6, cv2.LINE_AA)
    assert all(cut.blank for cut in cut_cells(drawing.scan(comb_field()), comb_field()))


def test_a_digit_that_leaves_its_cell_is_whole_there_and_not_in_the_next() -> None:
    drawing, middle = Drawing(), COMB.left + 12.5
    drawing.comb("closed")
    # A seven whose bar begins in the third cell and ends in the fourth.
    drawing.stroke((middle - 1.5, 13), (middle + 3.2, 13), (middle, 18), width=0.5, level=40)
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert [at for at, cut in enumerate(cuts) if not cut.blank] == [2]
    assert np.ptp(np.nonzero(cuts[2].image < 128)[1]) >= 4.5 * 8


def test_a_field_at_the_pages_edge_is_cut_too() -> None:
    field = Field("edge", "digits", Box(0, 0, 45, 7), CELLS)
    assert len(cut_cells(Drawing().scan(field), field)) == CELLS


def test_a_box_for_a_number_loses_its_lines_and_keeps_what_is_in_it() -> None:
    drawing, field = Drawing((0.5, 0.4)), Field("amount", "number", COMB)
    drawing.digits(NUMBERS[2], seed=4)
    clean = cut_field(drawing.scan(field), field).image
    drawing.box(COMB)
    picture = cut_field(drawing.scan(field), field).image
    assert (picture < 150).sum() == pytest.approx((clean < 150).sum(), rel=0.06)


def test_a_stroke_along_a_printed_line_is_seen_in_two_ways() -> None:
    drawing, left = Drawing(), COMB.left + 10.6
    drawing.comb("closed")
    # A seven in the third cell, whose bar lies on the upper line, and one in the fifth that is clear of it.
    drawing.stroke((left, 12.1), (left + 3.6, 12.1), (left + 1, 17), width=0.5, level=40)
    drawing.stroke((left + 10, 13.4), (left + 13.6, 13.4), (left + 11, 17), width=0.5, level=40)
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert [at for at, cut in enumerate(cuts) if cut.fuller is not None] == [2]
    inked = [np.ptp(np.nonzero(picture[: len(picture) // 2] < 128)[1]) for picture in (cuts[2].image, cuts[2].fuller)]
    assert inked[0] < 2 * DOTS_PER_MM < 3 * DOTS_PER_MM < inked[1]


@pytest.mark.parametrize("bright", ["above", "below"])
def test_a_shadow_that_ends_in_a_comb_is_no_ink(bright: str) -> None:
    drawing, number = Drawing(), [None, 4, None, None, 7, 2, None, 0, None]
    drawing.comb("closed")
    drawing.digits(number, seed=5, level=20)
    edge = drawing.at(0, COMB.top + 3.5)[1]
    drawing.canvas[slice(edge, None) if bright == "above" else slice(None, edge)] -= 20
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert [cut.blank for cut in cuts] == [one is None for one in number]


def test_a_crease_is_told_and_leaves_blank_cells_blank() -> None:
    drawing = Drawing()
    drawing.comb("closed")
    drawing.stroke((0, COMB.top + 3), (100, COMB.top + 4.5), width=0.4, level=170)
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert all(cut.blank and cut.disturbed for cut in cuts)


def test_what_lies_beside_a_comb_does_not_disturb_it() -> None:
    drawing = Drawing()
    drawing.comb("closed")
    drawing.digits(NUMBERS[0], seed=1)
    drawing.stroke((0, COMB.bottom + 1.5), (100, COMB.bottom + 1.5), width=0.5)
    assert not any(cut.disturbed for cut in cut_cells(drawing.scan(comb_field()), comb_field()))


@pytest.mark.parametrize("seed", range(3))
def test_specks_in_a_box_for_a_number_are_blank_and_a_thin_digit_is_not(seed: int) -> None:
    drawing, field, random = Drawing(), Field("amount", "number", COMB), np.random.default_rng(seed)
    drawing.box(COMB)
    for x, y in random.uniform((1, 1), (COMB.width - 1, COMB.height - 1), (6, 2)):
        cv2.circle(drawing.canvas, drawing.at(COMB.left + x, COMB.top + y), int(random.integers(1, 12)), 70, -1)
    assert cut_field(drawing.scan(field, 8, seed), field).blank
    drawing.stroke((COMB.left + 9.3, COMB.top + 2.5), (COMB.left + 9, COMB.top + 5), width=0.2, level=120)
    assert not cut_field(drawing.scan(field, 8, seed), field).blank


def test_a_bar_along_most_of_a_boxs_line_is_seen() -> None:
    drawing, left = Drawing(), COMB.left + 5
    drawing.comb("apart")
    # A seven in the second box, which is 4.2 mm wide, whose bar covers its upper line.
    drawing.stroke((left + 1.2, 11.9), (left + 4.4, 11.9), (left + 2.2, 17), width=0.45, level=90)
    cuts = cut_cells(drawing.scan(comb_field("apart")), comb_field("apart"))
    assert cuts[1].fuller is not None
    bar = cuts[1].fuller[: len(cuts[1].fuller) // 3] < 150
    assert np.ptp(np.nonzero(bar)[1]) > 2.8 * DOTS_PER_MM


def test_what_leans_out_of_two_joined_digits_makes_no_digit_beside_them() -> None:
    drawing, line = Drawing(), COMB.left + 15
    drawing.comb("closed")
    # Two loops in the fourth and fifth cell that touch, of which the first reaches a little into the third.
    for x in (line + 2.4, line + 7.2):
        cv2.ellipse(drawing.canvas, drawing.at(x, 16), (int(2.7 * DOTS), int(2.2 * DOTS)), 0, 0, 360, 40, DOTS // 2)
    cuts = cut_cells(drawing.scan(comb_field()), comb_field())
    assert [at for at, cut in enumerate(cuts) if not cut.blank] == [3, 4]


def test_a_dash_is_flat_and_no_digit_is() -> None:
    drawing, top = Drawing(), COMB.top + 3.4
    drawing.comb("closed")
    drawing.digits([None, *range(1, 9)], seed=3)
    drawing.stroke((COMB.left + 1, top), (COMB.left + 4, top + 0.4), width=0.5)
    assert [cut.flat for cut in cut_cells(drawing.scan(comb_field()), comb_field())] == [True] + [False] * 8
