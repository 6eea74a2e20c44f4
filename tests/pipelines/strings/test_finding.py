"""Runs of digits are found anywhere in a photo, boxed, in reading order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.strings.finding import PixelBox, find_strings
from tests.pipelines.strings.written import row

Picture = NDArray[np.uint8]
PLACES = {(40, 60): ("2365", 40), (380, 70): ("952", 46), (60, 200): ("720991", 60), (420, 350): ("19227", 30)}
"""Where the runs begin, what they say, how tall they are; in reading order."""


def photo(dark: bool = False, level: float = 150.0) -> Picture:
    """640x480, lit from one side."""
    down, right = np.mgrid[:480, :640]
    scene = level + 70 * right / 640 + 20 * np.sin(down / 150) + np.random.default_rng(0).normal(0, 3, (480, 640))
    for (left, top), (number, height) in PLACES.items():
        ink = row(number, height=height) / 255.0
        scene[top : top + height, left : left + ink.shape[1]] -= 95 * ink
    image = np.clip(scene, 0, 255).astype(np.uint8)
    return 255 - image if dark else image


def holds(box: PixelBox, left: int, top: int, width: int, height: int) -> bool:
    return (
        box[0] <= left + 2
        and box[1] <= top + 2
        and box[0] + box[2] >= left + width - 2
        and box[1] + box[3] >= top + height - 2
        and box[2] <= width + 1.5 * height
        and box[3] <= 2 * height
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("scale", [1, 3])
def test_each_run_has_its_box_in_reading_order(dark: bool, scale: int) -> None:
    image = np.kron(photo(dark), np.ones((scale, scale), np.uint8))
    boxes = find_strings(image)
    assert len(boxes) == len(PLACES)
    for box, ((left, top), (number, height)) in zip(boxes, PLACES.items(), strict=True):
        width = row(number, height=height).shape[1]
        assert holds(box, scale * left, scale * top, scale * width, scale * height)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("number", "height", "shape"),
    [("2365", 30, (480, 640)), ("2365", 60, (480, 640)), ("2365", 180, (480, 640)), ("23", 380, (480, 640)),
     ("720", 700, (1200, 1600)), ("7", 60, (480, 640)), ("2365", 40, (50, 160))],
)  # fmt: skip
def test_one_number_on_plain_paper_has_its_box_alone(
    number: str, height: int, shape: tuple[int, int], dark: bool
) -> None:
    ink = row(number, height=height)
    left, top = (shape[1] - ink.shape[1]) // 2, (shape[0] - height) // 2
    down, right = np.mgrid[: shape[0], : shape[1]]
    paper = 210 - 40 * right / shape[1] - 20 * down / shape[0] + np.random.default_rng(1).normal(0, 3, shape)
    paper[top : top + height, left : left + ink.shape[1]] -= 100 * (ink / 255.0)
    image = paper.astype(np.uint8)
    boxes = find_strings(255 - image if dark else image)
    assert len(boxes) == 1
    assert holds(boxes[0], left, top, ink.shape[1], height)


def test_bare_paper_and_broad_shapes_hold_none() -> None:
    assert find_strings(np.full((480, 640), 200, np.uint8)) == []
    noise = np.random.default_rng(0).normal(180, 4, (480, 640))
    assert find_strings(np.clip(noise, 0, 255).astype(np.uint8)) == []
    table = np.full((480, 640), 60, np.uint8)
    table[100:400, 150:500] = 220
    assert find_strings(table) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (400, 5), (30, 30)])
def test_boxes_lie_within_the_picture(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for left, top, width, height in find_strings(image):
        assert left >= 0 and top >= 0 and width > 0 and height > 0
        assert left + width <= shape[1] and top + height <= shape[0]
