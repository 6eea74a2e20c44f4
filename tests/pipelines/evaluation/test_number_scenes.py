"""A number in a picture reads the same however it was cut out and whatever is printed beside it."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.benches.numbers import score_scene
from pipelines.evaluation.number_scenes import SCENES, draw_scenes
from tests.digits import builtin
from tests.lines import shipped

PICTURES = 24
PRINTED = ("a rule right", "a rule left", "rules left and right", "a rule below", "a rule above")
CLOSELY = ("tight", "tight, one digit", "tight, joined", "tight, light on dark", "tight on one side")
AS_CUT = (*CLOSELY, "with room", "beside a point", "beside a comma")


def exact(name: str) -> float:
    test = builtin().test
    assert test is not None
    return score_scene(name, PICTURES, 1, test, shipped()).exact


@pytest.mark.parametrize("name", SCENES)
def test_a_seed_draws_the_same_pictures(name: str) -> None:
    train = builtin().train
    (one,), (again,), (other,) = (draw_scenes(name, 1, seed, train) for seed in (3, 3, 4))
    assert one.digits == again.digits
    assert np.array_equal(one.image, again.image)
    assert one.image.shape != other.image.shape or not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("name", [*AS_CUT, *PRINTED])
def test_numbers_are_read_as_beside_nothing(name: str) -> None:
    assert exact(name) > 0.85


def test_numbers_in_a_box_are_mostly_read() -> None:
    assert exact("in a box") > 0.65
