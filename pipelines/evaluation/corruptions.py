"""Fifteen corruptions of clean digits, each from a fixed seed, on which a reader is measured.

They are implemented separately from the augmentation, and differently, though most have a counterpart there. Packages
of such corruptions are made for photos, whose sides are many times 28 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Random = np.random.Generator


def noise(digit: Picture, random: Random) -> Picture:
    return _bytes(digit + random.normal(0, 50, digit.shape))


def blur(digit: Picture, random: Random) -> Picture:
    return _bytes(cv2.GaussianBlur(digit, (0, 0), random.uniform(1.0, 1.6)))


def contrast(digit: Picture, random: Random) -> Picture:
    share = random.uniform(0.15, 0.4)
    return _bytes(digit * share + 110 * (1 - share))


def fog(digit: Picture, random: Random) -> Picture:
    """A cloud of light of varying thickness."""
    cloud = cv2.resize(random.uniform(0, 1, (4, 4)), digit.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return _bytes(digit * 0.6 + 140 * cloud)


def shear(digit: Picture, random: Random) -> Picture:
    slant = random.choice([-1, 1]) * random.uniform(0.3, 0.5)
    return _warped(digit, np.array([[1, slant], [0, 1]]))


def scale(digit: Picture, random: Random) -> Picture:
    return _warped(digit, np.eye(2) * random.uniform(0.5, 0.75))


def rotate(digit: Picture, random: Random) -> Picture:
    turn = np.deg2rad(random.choice([-1, 1]) * random.uniform(15, 30))
    return _warped(digit, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))


def brightness(digit: Picture, random: Random) -> Picture:
    return _bytes(digit * 0.75 + random.uniform(40, 130))


def stripe(digit: Picture, random: Random) -> Picture:
    """An inverted band across the middle."""
    striped, top = digit.copy(), int(random.integers(8, 18))
    striped[top : top + 3] = 255 - striped[top : top + 3]
    return striped


def spatter(digit: Picture, random: Random) -> Picture:
    spattered = digit.copy()
    for _ in range(random.integers(4, 9)):
        column, row = (int(place) for place in random.integers(0, 28, 2))
        cv2.circle(spattered, (column, row), int(random.integers(0, 2)), int(random.integers(120, 256)), -1)
    return spattered


def dotted_line(digit: Picture, random: Random) -> Picture:
    dotted, row, rise = digit.copy(), random.uniform(4, 24), random.uniform(-0.4, 0.4)
    columns = np.arange(0, 28, 2)
    rows = np.clip(row + rise * (columns - 14), 0, 27).astype(int)
    dotted[rows, columns] = 255
    return dotted


def zigzag(digit: Picture, random: Random) -> Picture:
    crossed, row = digit.copy(), random.uniform(6, 22)
    path = [(column, int(row + (3 if step % 2 else -3))) for step, column in enumerate(range(-2, 32, 4))]
    cv2.polylines(crossed, [np.array(path, np.int32)], False, int(random.integers(140, 230)), 1, cv2.LINE_AA)
    return crossed


def edges(digit: Picture, random: Random) -> Picture:
    """Keep only the outline."""
    return np.asarray(cv2.Canny(digit, 60, 160), np.uint8)


def jpeg(digit: Picture, random: Random) -> Picture:
    _, content = cv2.imencode(".jpg", digit, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(5, 20))])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)


def one_bit(digit: Picture, random: Random) -> Picture:
    return ((digit > random.integers(70, 170)) * 255).astype(np.uint8)


CORRUPTIONS: dict[str, Callable[[Picture, Random], Picture]] = {
    "noise": noise, "blur": blur, "contrast": contrast, "fog": fog, "shear": shear, "scale": scale,
    "rotate": rotate, "brightness": brightness, "stripe": stripe, "spatter": spatter, "dotted line": dotted_line,
    "zigzag": zigzag, "edges": edges, "jpeg": jpeg, "one bit": one_bit,
}  # fmt: skip


def corrupted(images: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Apply a corruption to images [N, 28, 28], bright on dark; always the same for the same images."""
    random = np.random.default_rng(list(CORRUPTIONS).index(name))
    return np.stack([CORRUPTIONS[name](image, random) for image in images])


def _warped(digit: Picture, matrix: NDArray[np.float64]) -> Picture:
    """Apply a linear transform about the middle of the image."""
    shift = 13.5 * (1 - matrix.sum(1))
    return np.asarray(cv2.warpAffine(digit, np.column_stack([matrix, shift]), (28, 28)), np.uint8)


def _bytes(values: NDArray[np.floating] | cv2.typing.MatLike) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
