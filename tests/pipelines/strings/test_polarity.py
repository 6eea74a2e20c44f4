"""Which side of a picture of a number is ink, also where there is as much ink as paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.drawing.pen import draw_digits
from pipelines.evaluation.number_scenes import draw_scenes
from pipelines.strings.polarity import is_ink_dark
from tests.pipelines.strings.written import on_paper, row

Picture = NDArray[np.uint8]


def dark(image: Picture) -> bool:
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.3))
    return is_ink_dark(smooth, round(0.35 * min(image.shape)) | 1)


@pytest.mark.parametrize(("name", "least"), [("tight, one digit", 0.94), ("tight, joined", 0.96), ("tight", 1.0)])
def test_where_half_of_a_picture_is_ink(name: str, least: float) -> None:
    images = [written.image for written in draw_scenes(name, 80, 3, Split(*draw_digits(400, seed=5)))]
    assert np.mean([dark(image) for image in images]) >= least
    assert np.mean([not dark(255 - image) for image in images]) >= least


@pytest.mark.parametrize("number", ["7", "236"])
@pytest.mark.parametrize("sides", ["above below", "left right", "above below left"])
def test_where_dark_bands_lie_beside_the_paper(number: str, sides: str) -> None:
    image = on_paper(row(number))
    for side in sides.split():
        turned = image if side in ("above", "below") else image.T
        turned[slice(0, 8) if side in ("above", "left") else slice(-8, None)] = 80
    assert dark(image)
    assert not dark(255 - image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_a_picture_may_have_no_inside(shape: tuple[int, int]) -> None:
    assert dark(np.full(shape, 200, np.uint8)) in (True, False)
