"""A field is found where it is printed, whatever is written in it."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.forms.cells.frames import boxes_of, lay
from pipelines.forms.cells.placing import find_frame
from pipelines.forms.template import Box, Field
from tests.pipelines.forms.cells.drawing import CELLS, COMB, DOTS, STYLES, Drawing, comb_field


def farthest(style: str, seed: int) -> float:
    """How far from its place the worst cell of a full comb is found, in mm, if that lies off by more than 1 mm."""
    random = np.random.default_rng(seed)
    across, down = random.uniform(1.0, 1.6, 2) * random.choice([-1, 1], 2)
    drawing, field = Drawing((float(across), float(down)), float(random.uniform(-0.7, 0.7))), comb_field(style)
    drawing.comb(style)
    drawing.digits(random.integers(0, 10, CELLS).tolist(), seed, level=int(random.integers(30, 110)))
    frame, _ = find_frame(drawing.scan(field, 6, seed).image, boxes_of(field))
    off = []
    for box, cell in zip(boxes_of(field), frame.cells, strict=True):
        found, (x, y) = frame.on_page(cell), drawing.at(box.left + box.width / 2, box.top + box.height / 2)
        off += [abs(found.left + found.width / 2 - x / DOTS), abs(found.top + found.height / 2 - y / DOTS)]
    return max(off)


@pytest.mark.parametrize("style", STYLES)
def test_a_full_comb_that_lies_far_off_is_found(style: str) -> None:
    assert max(farthest(style, seed) for seed in range(10)) < 0.8


def test_a_line_that_strokes_lie_along_for_the_most_part_is_found() -> None:
    drawing, field = Drawing(), comb_field("closed")
    drawing.comb("closed")
    for at in range(1, CELLS - 1):
        left = COMB.left + at * COMB.width / CELLS
        drawing.stroke((left, COMB.top + 0.5), (left + 5, COMB.top + 0.5), (left + 3, 17), width=0.9, level=40)
    _, lines = find_frame(drawing.scan(field).image, boxes_of(field))
    flat = [line for line in lines if line.flat]
    assert len(flat) == 2
    assert max(line.thickness for line in flat) < 6


def test_a_comb_that_lies_straight_is_seen_as_it_is() -> None:
    page = np.random.default_rng(0).integers(0, 256, (400, 900)).astype(np.uint8)
    field = Field("number", "digits", Box(12.3, 14.1, 70.7, 8), cells=7)
    assert np.array_equal(lay(page, boxes_of(field)).matrix[:, :2], np.eye(2))
