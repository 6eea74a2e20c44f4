"""The fields of a blank page are found by themselves, and none where there are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.forms.drafting.draft import draft, draw_template
from pipelines.forms.synthesis.designs import Design, all_designs
from pipelines.forms.template import Box, Template
from tests.pipelines.forms.cells.drawing import CELLS, COMB, HEIGHT, STYLES, WIDTH, Drawing

DPI = 150


def drafted(drawing: Drawing) -> Template:
    return draft(drawing.canvas, "drawn", WIDTH, HEIGHT)


def middle(box: Box) -> tuple[float, float]:
    return box.left + box.width / 2, box.top + box.height / 2


@pytest.mark.parametrize("design", all_designs(), ids=lambda design: design.template.name)
def test_every_field_of_a_form_is_found_and_none_invented(design: Design) -> None:
    template = design.template
    found = draft(design.blank_page(DPI), "blank", template.width, template.height)
    assert len(found.fields) == len(template.fields)
    for field in template.fields:
        near = min(found.fields, key=lambda one: np.hypot(*np.subtract(middle(one.box), middle(field.box))))
        assert (near.cells, near.kind in ("digits", "mark")) == (field.cells, field.kind in ("digits", "mark"))
        sides = [(box.left, box.top, box.right, box.bottom) for box in (near.box, field.box)]
        assert sides[0] == pytest.approx(sides[1], abs=0.4), field.name
    assert len(found.register.corners) == len(template.register.corners)
    assert found.register.by == ("corners" if template.register.corners else "reference")


@pytest.mark.parametrize("tilt", [0.0, -3.0, 5.0])
@pytest.mark.parametrize("style", STYLES)
def test_combs_of_every_kind_shifted_and_tilted(style: str, tilt: float) -> None:
    drawing = Drawing((2.0, 3.0), tilt)
    drawing.comb(style)
    (field,) = drafted(drawing).fields
    assert (field.name, field.kind, field.cells) == ("comb1", "digits", CELLS)
    expected = (COMB.left + COMB.width / 2 + 2, COMB.top + COMB.height / 2 + 3)
    # What is open at the top has no height of its own.
    assert middle(field.box) == pytest.approx(expected, abs=0.5 if style != "teeth" else 1.0)
    assert bool(field.cell_boxes) == (style == "apart" or tilt != 0)


def test_fields_are_named_in_reading_order() -> None:
    drawing = Drawing()
    for box in (Box(70, 5, 4, 4), Box(10, 25, 60, 8), Box(10, 4, 30, 7), Box(60, 5.5, 4, 4)):
        drawing.box(box)
    fields = drafted(drawing).fields
    assert [field.name for field in fields] == ["box1", "mark2", "mark3", "box4"]
    assert [field.box.left for field in fields] == pytest.approx([10, 60, 70, 10], abs=0.4)


def test_a_rounded_box_is_a_box() -> None:
    drawing = Drawing()
    left, top = drawing.at(20, 10)
    right, bottom = drawing.at(60, 20)
    arc = 48
    for x, y, start in ((left, top, 180), (right, top, 270), (right, bottom, 0), (left, bottom, 90)):
        centre = (x + arc if x == left else x - arc, y + arc if y == top else y - arc)
        cv2.ellipse(drawing.canvas, centre, (arc, arc), 0, start, start + 90, 60, 8, cv2.LINE_AA)
    for x in (20, 60):
        drawing.stroke((x, 11.5), (x, 18.5))
    for y in (10, 20):
        drawing.stroke((21.5, y), (58.5, y))
    assert [field.name for field in drafted(drawing).fields] == ["box1"]


def test_nothing_is_found_in_text_and_lines() -> None:
    drawing, random = Drawing(), np.random.default_rng(0)
    for row in range(8):
        words = "".join(random.choice(list("abdegopqmnBDOPQ0689 #"), 60))
        cv2.putText(drawing.canvas, words, drawing.at(4, 5 + 4 * row), cv2.FONT_HERSHEY_COMPLEX, 2, 30, 4, cv2.LINE_AA)
    drawing.stroke((4, 36), (95, 36))
    drawing.stroke((4, 38), (95, 38), width=0.6)
    assert drafted(drawing).fields == ()


def test_an_empty_page_has_no_fields() -> None:
    assert drafted(Drawing()).fields == ()


def test_a_box_with_print_in_it_is_no_field() -> None:
    drawing = Drawing()
    drawing.box(Box(10, 8, 70, 12))
    cv2.putText(drawing.canvas, "Do not write here: office", drawing.at(12, 16), 0, 4, 40, 12, cv2.LINE_AA)
    assert drafted(drawing).fields == ()


def test_the_picture_shows_every_field_in_colour() -> None:
    drawing = Drawing()
    drawing.comb("closed")
    template = drafted(drawing)
    picture = draw_template(drawing.canvas, template)
    assert picture.shape == (HEIGHT * 8, WIDTH * 8, 3)
    left, top = round(template.fields[0].box.left * 8), round((template.fields[0].box.top + 2) * 8)
    assert np.ptp(picture[top, left - 1 : left + 2].astype(int), axis=-1).max() > 60


def test_what_is_printed_up_to_the_edge_ends_there() -> None:
    """A line across the whole page makes a box of what is below it."""
    page = np.full((2376, 1680), 255, np.uint8)
    page[2034:2040] = 0
    [field] = draft(page, "bleed", 210, 297).fields
    assert (field.box.left, field.box.right, field.box.bottom) == (0, 210, 297)
