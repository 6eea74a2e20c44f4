"""Which phase is ink, also where ink or printed lines have much of the rim."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.drawing.pen import draw_digits
from pipelines.evaluation.crops import cropped
from pipelines.images.polarity import is_paper_bright

CROPS = {
    "tight": 0.98, "tight, broad pen": 0.96, "stretched": 0.98, "line on 1 side": 0.99, "line on 2 sides": 0.98,
    "line on 3 sides": 0.96, "dots": 1, "shade": 1, "grey paper": 1, "neighbours": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", CROPS)
def test_paper_is_told_from_ink_and_so_it_is_in_the_negative(name: str) -> None:
    pictures = cropped(draw_digits(100, seed=3)[0], name)
    assert np.mean([is_paper_bright(picture) for picture in pictures]) >= CROPS[name]
    assert np.mean([is_paper_bright(255 - picture) for picture in pictures]) <= 1 - CROPS[name] + 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5)])
def test_a_picture_may_have_no_inside(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 255, np.uint8)
    assert is_paper_bright(picture) in (True, False)
    picture.flat[0] = 0
    assert is_paper_bright(picture) in (True, False)
