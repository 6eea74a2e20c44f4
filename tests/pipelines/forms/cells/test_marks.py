"""Ticked or not, and how sure."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.forms.cells.marks import MarkReading, mark_of
from pipelines.forms.template import Box, Field
from tests.pipelines.forms.cells.drawing import DOTS, Drawing

LEFT, TOP = 20.0, 14.0
TICKED = ("cross", "large cross", "tick", "fill", "circle")
EMPTY = ("nothing", "specks", "label")


def marked(kind: str, side: float, seed: int) -> MarkReading:
    shift = 0.3 * (seed % 3 - 1)
    random, drawing = np.random.default_rng(seed), Drawing((shift, -shift))
    field = Field("agreed", "mark", Box(LEFT, TOP, side, side))
    drawing.box(field.box)
    mark(drawing, kind, side, random)
    return mark_of(drawing.scan(field, seed=seed), field)


def mark(drawing: Drawing, kind: str, side: float, random: np.random.Generator) -> None:
    def stroke(*points: tuple[float, float]) -> None:
        rough = [(LEFT + x + random.normal(0, 0.15), TOP + y + random.normal(0, 0.15)) for x, y in points]
        drawing.stroke(*rough, width=0.4, level=50)

    out = {"large cross": 0.8, "struck out": 1.2}.get(kind, -0.3)
    match kind:
        case "cross" | "large cross":
            stroke((-out, -out), (side + out, side + out))
            stroke((side + out, -out), (-out, side + out))
        case "tick":
            stroke((0.5, side / 2), (0.4 * side, side - 0.4), (side + 1, -1))
        case "fill" | "struck out":
            for y in np.arange(-out, side + out, 0.3):
                stroke((-out, y), (side + out, y))
        case "circle":
            axes = (round(0.8 * side * DOTS), round(0.7 * side * DOTS))
            middle = drawing.at(LEFT + 0.3 * side, TOP + 0.6 * side)
            cv2.ellipse(drawing.canvas, middle, axes, 0, 0, 360, 50, 12, cv2.LINE_AA)
        case "specks":
            for x, y in random.uniform(0.6, side - 0.6, (3, 2)):
                cv2.circle(drawing.canvas, drawing.at(LEFT + x, TOP + y), 4, 50, -1)
        case "label":
            place = drawing.at(LEFT + side + 1.2, TOP + side)
            cv2.putText(drawing.canvas, "agreed", place, cv2.FONT_HERSHEY_COMPLEX, 3, 50, 6, cv2.LINE_AA)


@pytest.mark.parametrize("side", [4.0, 6.0])
@pytest.mark.parametrize("kind", [*TICKED, *EMPTY])
def test_marks_of_every_kind(kind: str, side: float) -> None:
    answers = [marked(kind, side, seed) for seed in range(6)]
    assert [seen.ticked for seen in answers] == [kind in TICKED] * 6
    # A circle may reach so far that it could be anything that runs along there.
    sure = [seen for seen in answers if kind != "circle" or not seen.doubt]
    assert min((seen.confidence for seen in sure), default=1) >= 0.75
    assert not any(seen.doubt for seen in sure)


def test_a_blackened_box_is_not_sure() -> None:
    assert max(marked("struck out", 4.0, seed).confidence for seed in range(4)) <= 0.6


def test_a_short_stroke_is_less_sure_than_a_cross() -> None:
    drawing, field = Drawing(), Field("agreed", "mark", Box(LEFT, TOP, 5, 5))
    drawing.box(field.box)
    drawing.stroke((LEFT + 2, TOP + 2), (LEFT + 3.2, TOP + 3.2), width=0.4, level=50)
    assert mark_of(drawing.scan(field), field).confidence < marked("cross", 5.0, 0).confidence


def disturbed(what: str, side: float = 4.5) -> tuple[Drawing, Field]:
    """An empty box, and what may lie across it."""
    drawing, field = Drawing(), Field("agreed", "mark", Box(LEFT, TOP, side, side))
    drawing.box(field.box)
    match what:
        case "fold shadow":
            drawing.canvas[drawing.at(0, TOP + side / 2)[1] :] -= 60
        case "shadow's edge below":
            drawing.canvas[drawing.at(0, TOP + side + 0.4)[1] :] -= 60
        case "crease":
            drawing.stroke((0, TOP + 1.5), (100, TOP + 2.5), width=0.4, level=150)
        case "coffee":
            cv2.circle(drawing.canvas, drawing.at(LEFT - 18, TOP), 20 * DOTS, 150, 3 * DOTS, cv2.LINE_AA)
        case "tear":
            drawing.canvas[drawing.at(0, TOP + side + 1)[1] :] = 0
    return drawing, field


@pytest.mark.parametrize("what", ["fold shadow", "shadow's edge below", "crease", "coffee", "tear"])
def test_what_runs_across_a_box_is_no_sure_tick(what: str) -> None:
    drawing, field = disturbed(what)
    seen = mark_of(drawing.scan(field), field)
    assert not seen.ticked or seen.doubt


@pytest.mark.parametrize("what", ["crease", "coffee"])
def test_what_runs_across_a_box_is_told(what: str) -> None:
    drawing, field = disturbed(what)
    doubt = mark_of(drawing.scan(field), field).doubt
    assert doubt and "such as a fold, a stain or a stroke" in doubt.text


def test_a_cross_under_a_shadow_is_a_tick() -> None:
    drawing, field = disturbed("fold shadow")
    mark(drawing, "cross", field.box.width, np.random.default_rng(1))
    assert mark_of(drawing.scan(field), field).ticked
