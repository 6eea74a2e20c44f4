"""Blobs are numbered and measured as by OpenCV's own choice of algorithm."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.images.components import components


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (77, 131), (360, 480)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.4, 1.0])
def test_they_are_those_of_any_other_algorithm(shape: tuple[int, int], share: float) -> None:
    ink = (np.random.default_rng(0).random(shape) < share).astype(np.uint8)
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(ink)
    found = components(ink)
    assert np.array_equal(found[0], labels)
    assert np.array_equal(found[1], sizes)
