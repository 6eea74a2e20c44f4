"""The paper under the ink, whatever the picture shows of it."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.images.paper import paper_of, without


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (3, 200), (12, 12), (28, 20), (300, 40)])
@pytest.mark.parametrize("level", [0, 120, 255])
def test_even_paper_is_its_level(level: int, shape: tuple[int, int]) -> None:
    assert np.array_equal(paper_of(np.full(shape, level, np.uint8)), level)


def test_a_shadow_is_paper_and_a_stroke_that_ends_at_the_rim_is_not() -> None:
    shadow = np.tile(np.linspace(20, 120, 56), (56, 1)).astype(np.uint8)
    written = shadow.copy()
    written[:, 25:31] = 255
    lifted = without(written, paper_of(written))
    assert lifted[:, 26:30].min() > 120
    assert np.delete(lifted, np.s_[24:32], axis=1).max() < 20


def test_broad_ink_is_no_paper() -> None:
    written = np.zeros((40, 30), np.uint8)
    written[:, 8:26] = 200
    assert np.array_equal(paper_of(written), 0)


@pytest.mark.parametrize("block", range(16))
@pytest.mark.parametrize("level", range(0, 256, 15))
def test_the_paper_is_never_darker_than_black(block: int, level: int) -> None:
    """However the plane runs under blocks that are bright throughout."""
    picture = np.zeros((20, 20), np.uint8)
    row, column = 5 * (block // 4), 5 * (block % 4)
    picture[row : row + 5, column : column + 5] = level
    assert np.min(paper_of(picture)) >= 0
