from __future__ import annotations

import numpy as np
import pytest

from pipelines.drawing.non_digits import JUNK, SHARES, draw_junk, draw_kind
from pipelines.drawing.skeletons import LETTERS
from pipelines.images.digits import is_prepared


def test_the_same_seed_draws_the_same_junk() -> None:
    assert np.array_equal(draw_junk(60, 1), draw_junk(60, 1))
    assert not np.array_equal(draw_junk(60, 1), draw_junk(60, 2))


def test_it_has_the_form_of_the_model() -> None:
    images = draw_junk(300, 3)
    assert (images.shape, images.dtype) == ((300, 28, 28), np.uint8)
    assert is_prepared(images).mean() > 0.9


@pytest.mark.parametrize("kind", [kind for kind in JUNK if kind != "blank"])
def test_every_kind_leaves_ink_and_is_never_twice_the_same(kind: str) -> None:
    images = draw_kind(kind, 50, 1)
    assert (images.max((1, 2)) > 200).mean() > 0.9
    assert len({image.tobytes() for image in images}) > 40


def test_blank_paper_is_mostly_blank_for_the_model_and_always_some() -> None:
    images = draw_kind("blank", 200, 1)
    assert (images.max((1, 2)) == 0).mean() > 0.8


def test_all_kinds_are_in_the_mixture() -> None:
    assert len(SHARES) == len(JUNK)
    assert sum(SHARES) == pytest.approx(1)
    assert min(SHARES) > 0


def test_no_upright_line_alone_is_left_of_a_form() -> None:
    for image in draw_kind("residue", 300, 5):
        rows, columns = np.flatnonzero(image.max(1) > 100), np.flatnonzero(image.max(0) > 100)
        assert np.ptp(columns) > 8 or np.ptp(rows) < 8


def test_no_letter_can_be_taken_for_a_digit() -> None:
    assert not set(LETTERS) & set("OIlSZqgbQDCUJP")
