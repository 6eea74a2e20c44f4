"""Runs of digits are found anywhere in a photo, boxed, in reading order."""

from __future__ import annotations

import cv2
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
    boxes = [run.box for run in find_strings(image)]
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
    boxes = [run.box for run in find_strings(255 - image if dark else image)]
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
    for left, top, width, height in (run.box for run in find_strings(image)):
        assert left >= 0 and top >= 0 and width > 0 and height > 0
        assert left + width <= shape[1] and top + height <= shape[0]


def on(ink: Picture, level: float = 215.0) -> Picture:
    grain = np.random.default_rng(2).normal(0, 2, ink.shape)
    return np.clip(level - 130 * (ink / 255.0) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("number", ["2365", "97", "5", "1"])
@pytest.mark.parametrize("light", [False, True])
def test_a_picture_that_was_cut_out_closely_is_read_as_a_whole(number: str, light: bool) -> None:
    image = on(row(number, gap=-6 if len(number) == 2 else 8))
    (run,) = find_strings(255 - image if light else image)
    assert run.part == (0, 0, image.shape[1], image.shape[0])


@pytest.mark.parametrize("mark", ["comma", "point"])
def test_a_mark_at_the_foot_of_a_digit_is_no_number_of_its_own(mark: str) -> None:
    ink = np.zeros((480, 640), np.uint8)
    number = row("2365", height=80)
    ink[100:180, 60 : 60 + number.shape[1]] = number
    right = 60 + number.shape[1]
    if mark == "comma":
        cv2.line(ink, (right + 22, 168), (right + 12, 196), 255, 7, cv2.LINE_AA)
    else:
        cv2.circle(ink, (right + 14, 174), 7, 255, -1, cv2.LINE_AA)
    (run,) = find_strings(on(ink))
    assert holds(run.box, 60, 100, number.shape[1], 80)


def test_a_small_number_at_the_foot_of_a_large_one_is_a_number() -> None:
    ink = np.zeros((480, 640), np.uint8)
    large, small = row("23", height=110), row("47", height=36)
    ink[100:210, 60 : 60 + large.shape[1]] = large
    left = 60 + large.shape[1] + 30
    ink[190:226, left : left + small.shape[1]] = small
    assert len(find_strings(on(ink))) == 2


def test_numbers_in_the_cells_of_a_table_stand_apart_and_have_the_lines_next_to_them() -> None:
    ink = np.zeros((480, 640), np.uint8)
    for x in (40, 230, 420, 610):
        cv2.line(ink, (x, 30), (x, 230), 200, 3)
    for y in (30, 130, 230):
        cv2.line(ink, (40, y), (610, y), 200, 3)
    for left, top, number in ((120, 50, "2365"), (240, 55, "952"), (430, 150, "720")):
        part = row(number, height=54)
        view = ink[top : top + 54, left : left + part.shape[1]]
        np.maximum(view, part, out=view)
    runs = find_strings(on(ink))
    assert [(run.box[0] > 80, run.box[0] > 200, run.box[1] > 130) for run in runs] == [
        (True, False, False),
        (True, True, False),
        (True, True, True),
    ]
    assert [[rule.flat for rule in run.rules] for run in runs] == [[False], [False], [False]]


def test_a_printed_line_may_be_fainter_than_the_writing() -> None:
    ink = np.pad(row("2365", height=60), ((12, 12), (50, 50)))
    cv2.line(ink, (16, 0), (16, len(ink)), 108, 3)
    (run,) = find_strings(on(ink))
    assert [rule.flat for rule in run.rules] == [False]
