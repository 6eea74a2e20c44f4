from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.corpora.corpus import Corpus
from pipelines.drawing.pen import STYLES, draw_digit, draw_digits, trace
from tests import digits


@pytest.fixture(scope="module")
def builtin() -> Corpus:
    return digits.builtin()


def test_the_same_seed_draws_the_same_digits() -> None:
    images, labels = draw_digits(40, seed=5)
    again, labels_again = draw_digits(40, seed=5)
    other, _ = draw_digits(40, seed=6)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, labels_again)
    assert not np.array_equal(images, other)


def test_no_two_drawings_are_alike() -> None:
    images, _ = draw_digits(200, seed=5)
    assert len({image.tobytes() for image in images}) == 200


def test_every_digit_is_drawn_equally_often_in_mixed_order() -> None:
    images, labels = draw_digits(105, seed=0)
    assert images.shape == (105, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [11] * 5 + [10] * 5
    assert labels[:20].tolist() != (np.arange(20) % 10).tolist()


def test_a_digit_is_20_pixels_in_its_longer_side(builtin: Corpus) -> None:
    for image in builtin.train.images[:500]:
        rows, columns = np.flatnonzero(image.max(1) > 32), np.flatnonzero(image.max(0) > 32)
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 22


def test_a_digit_is_centred_by_mass(builtin: Corpus) -> None:
    centres = [(m["m10"] / m["m00"], m["m01"] / m["m00"]) for m in map(cv2.moments, builtin.train.images[:500])]
    assert np.abs(np.array(centres) - 13.5).max() < 1.5
    assert np.abs(np.mean(centres, axis=0) - 13.5).max() < 0.1


def test_the_ink_is_bright_within_an_almost_empty_border(builtin: Corpus) -> None:
    images = builtin.train.images
    assert images.max((1, 2)).min() > 200
    assert images[:, 1:-1, 1:-1].sum() > 0.999 * images.sum()
    share_of_ink = (images > 127).mean((1, 2))
    assert 0.02 < share_of_ink.min() < share_of_ink.max() < 0.45


def test_each_style_of_a_digit_is_drawn_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    upright, flat = [[(0.5, 0.0), (0.5, 1.0)]], [[(0.0, 0.5), (1.0, 0.5)]]
    monkeypatch.setitem(STYLES, 1, [upright, flat])
    random = np.random.default_rng(0)
    images = [draw_digit(1, random) for _ in range(200)]
    are_flat = [np.ptp(np.flatnonzero(image.max(0))) > np.ptp(np.flatnonzero(image.max(1))) for image in images]
    assert 70 < sum(are_flat) < 130


def test_builtin_tests_on_drawings_it_does_not_train_on(builtin: Corpus) -> None:
    assert builtin.test is not None
    assert (len(builtin.train), len(builtin.test)) == (12_000, 2_000)
    known = {image.tobytes() for image in builtin.train.images}
    assert not any(image.tobytes() in known for image in builtin.test.images)


def test_a_trace_runs_through_its_points_and_keeps_its_strokes() -> None:
    skeleton = (((0.0, 0.0), (0.5, 1.0), (1.0, 0.0)), ((0.0, 0.5), (1.0, 0.5)))
    curves = trace(skeleton, np.eye(2), 0.0, np.random.default_rng(0))
    assert len(curves) == 2
    for curve, stroke in zip(curves, skeleton, strict=True):
        for point in np.array(stroke) - 0.5:
            assert np.hypot(*(curve - point).T).min() < 1e-9
    assert len(curves[0]) > 10


def test_a_trace_follows_the_hand_and_wobbles_by_its_seed() -> None:
    straight = (((0.0, 0.0), (0.0, 1.0)),)
    [wide] = trace(straight, np.diag([1.0, 2.0]), 0.0, np.random.default_rng(0))
    assert np.ptp(wide, axis=0) == pytest.approx([0, 2])
    [one], [same], [other] = (trace(straight, np.eye(2), 0.05, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all() and 0 < np.abs(one - other).max() < 0.5
