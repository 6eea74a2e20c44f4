"""Pictures that the tests of the page show it: numbers on paper, and hands on a mouse."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from pipelines.drawing.pen import draw_digits

SEVEN = ((0.28, 0.22), (0.42, 0.22), (0.56, 0.215), (0.72, 0.22), (0.66, 0.36), (0.58, 0.52), (0.5, 0.68), (0.45, 0.82))
PAPER = 242


@cache
def digit(label: int) -> NDArray[np.uint8]:
    """A drawn digit, dark on paper, 96 x 96."""
    images, labels = draw_digits(200, 7)
    ink = cv2.resize(images[int(np.flatnonzero(labels == label)[0])], (96, 96), interpolation=cv2.INTER_CUBIC)
    return np.minimum(PAPER, 255 - ink).astype(np.uint8)


def number(text: str, height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    """A sheet with a number in its middle."""
    sheet = np.full((height, width), PAPER, np.uint8)
    left, top = (width - 78 * len(text)) // 2, (height - 96) // 2
    for place, sign in enumerate(text):
        part = sheet[top : top + 96, left + 78 * place :][:, :96]
        np.minimum(part, digit(int(sign)), out=part)
    return sheet


def png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image)[1])


def film(path: Path, text: str) -> Path:
    """A film for Chromium's camera that is none: JPEG after JPEG."""
    frame = bytes(cv2.imencode(".jpg", cv2.cvtColor(number(text), cv2.COLOR_GRAY2BGR))[1])
    path.write_bytes(frame * 10)
    return path


def draw_seven(page: Page) -> None:
    """With the mouse, in one stroke."""
    box = page.locator("#paper").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in SEVEN]
    page.mouse.move(*places[0])
    page.mouse.down()
    for x, y in places[1:]:
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
