"""Synthetic paper under a written number: plain, shaded, printed with waves, at low resolution."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.images.levels import as_bytes

Picture = NDArray[np.uint8]
Field = NDArray[np.float64]
Random = np.random.Generator


def on_paper(ink: Picture, random: Random) -> Picture:
    """Put ink (bright on black, at any size) on paper, as if scanned with some 18 to 70 pixels per digit."""
    small = _framed(_scanned_size(ink, random), random)
    paper = _paper(small.shape, random)
    depth = random.uniform(0.45, 0.95) * (paper.mean() - 20)
    pressure = cv2.resize(random.uniform(0.75, 1.0, (1, 8)), small.shape[::-1], interpolation=cv2.INTER_LINEAR)
    image = paper - depth * pressure * (small / 255.0)
    _print_line(image, random)
    blurred = cv2.GaussianBlur(image, (0, 0), random.uniform(0.3, 0.9))
    noisy = blurred + random.normal(0, random.uniform(0.5, 5), small.shape)
    return _compressed(np.clip(noisy, 0, 255).astype(np.uint8), random)


def _scanned_size(ink: Picture, random: Random) -> Picture:
    height = float(np.exp(random.uniform(np.log(26), np.log(90))))
    factor = height / ink.shape[0]
    size = (max(3, round(ink.shape[1] * factor)), max(3, round(height)))
    return as_bytes(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))


def _framed(ink: Picture, random: Random) -> Picture:
    most = max(3, len(ink) // 3)
    top, bottom, left, right = (int(side) for side in random.integers(1, most, 4))
    return as_bytes(cv2.copyMakeBorder(ink, top, bottom, left, right, cv2.BORDER_CONSTANT))


def _paper(shape: tuple[int, ...], random: Random) -> Field:
    height, width = shape
    level = random.uniform(130, 250)
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    paper = level + random.normal(0, 12) * columns / width + random.normal(0, 12) * rows / height
    for _ in range(random.integers(0, 3)):
        paper += _waves(rows, columns, random)
    if random.random() < 0.15:
        paper[: int(random.integers(1, max(2, height // 3)))] += random.uniform(10, 40)
    return paper


def _waves(rows: Field, columns: Field, random: Random) -> Field:
    """Fine parallel wavy lines, as printed on cheques."""
    across = rows + random.uniform(1, 6) * np.sin(columns / random.uniform(5, 30) + random.uniform(0, 6))
    if random.random() < 0.3:
        across = across + columns * random.uniform(-1, 1)
    return random.uniform(3, 18) * np.sin(across * 2 * np.pi / random.uniform(3, 8))


def _print_line(image: Field, random: Random) -> None:
    """The line of the form that the number stands on, or the edge of its box, along the whole strip."""
    height = len(image)
    if random.random() < 0.25:
        inset = int(random.integers(0, max(1, height // 6)))
        row = height - 1 - inset if random.random() < 0.75 else inset
        image[row : row + int(random.integers(1, 3))] -= random.uniform(25, 90)


def _compressed(image: Picture, random: Random) -> Picture:
    if random.random() < 0.4:
        return image
    code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(45, 95))])[1]
    return as_bytes(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
