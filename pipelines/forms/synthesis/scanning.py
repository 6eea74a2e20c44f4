"""What happens to a page between pen and file: paper, folds, stains, the scanner or camera, and compression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.forms.registration.registered_page import Grey, of_pixels, scaling

Random = np.random.Generator
Level = Literal["easy", "usual", "hard"]
LEVELS: tuple[Level, ...] = ("easy", "usual", "hard")


@dataclass(frozen=True)
class Chances:
    """The probability and strength of each kind of degradation."""

    dpi: tuple[int, ...]
    skew: float
    """Degrees in either direction."""
    shift: float
    """Millimetres in every direction."""
    scale: tuple[float, float]
    noise: tuple[float, float]
    """Grey levels."""
    blur: tuple[float, float]
    """Millimetres."""
    paper: tuple[float, float]
    """Grey levels."""
    turned: float = 0.0
    photo: float = 0.0
    folded: float = 0.0
    stained: float = 0.0
    specks: float = 0.0
    one_bit: float = 0.0
    jpeg: float = 0.0
    quality: tuple[int, int] = (60, 95)


CHANCES = {
    "easy": Chances((200, 300), 0.7, 2, (0.99, 1.0), (1, 4), (0.03, 0.06), (235, 252)),
    "usual": Chances(
        (150, 200, 300), 2.5, 4, (0.96, 1.01), (2, 7), (0.04, 0.09), (215, 250),
        turned=0.15, folded=0.1, stained=0.05, specks=0.3, one_bit=0.15, jpeg=0.4, photo=0.05,
    ),
    "hard": Chances(
        (120, 150, 200, 300), 8, 8, (0.75, 1.02), (3, 12), (0.05, 0.12), (190, 245),
        turned=0.5, folded=0.3, stained=0.3, specks=0.6, one_bit=0.2, jpeg=0.5, quality=(35, 85), photo=0.3,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Scanned:
    image: Grey
    matrix: NDArray[np.float64]
    """From millimetres of the page to pixels of the image."""
    dpi: int


def scan(page: Grey, dots: float, level: Level, random: Random) -> Scanned:
    """Scan or photograph the page, drawn with `dots` per mm, at this level of difficulty."""
    chances = CHANCES[level]
    page = _aged(page, dots, chances, random)
    dpi = int(random.choice(chances.dpi))
    photo = random.random() < chances.photo
    matrix, size = _geometry(page.shape, dots, dpi, photo, chances, random)
    # Averaged before scaling down, as a sensor does.
    blur = max(random.uniform(*chances.blur) * dots, 0.4 * dots * 25.4 / dpi)
    soft = cv2.GaussianBlur(page, (0, 0), blur)
    behind = int(random.choice([255, 60] if photo else [255, 255, 20]))
    image = cv2.warpPerspective(soft, of_pixels(matrix @ scaling(1 / dots)), size, borderValue=behind)
    image = _exposed(image, photo, random)
    image = _noisy(image, random.uniform(*chances.noise), random)
    image, matrix = _turned(image, matrix, random) if random.random() < chances.turned else (image, matrix)
    if random.random() < chances.one_bit:
        image = _one_bit(image, dpi)
    elif random.random() < chances.jpeg:
        image = _compressed(image, int(random.integers(*chances.quality)))
    return Scanned(image.astype(np.uint8, copy=False), matrix, dpi)


def _aged(page: Grey, dots: float, chances: Chances, random: Random) -> Grey:
    paper = random.uniform(*chances.paper)
    aged = cv2.LUT(page, np.linspace(random.uniform(5, 40), paper, 256).astype(np.uint8))
    if random.random() < chances.folded:
        aged = folded(np.asarray(aged, np.uint8), dots, random)
    if random.random() < chances.stained:
        aged = stained(np.asarray(aged, np.uint8), dots, random)
    if random.random() < chances.specks:
        for _ in range(int(random.integers(5, 60))):
            place = tuple(int(random.integers(side)) for side in page.shape[::-1])
            cv2.circle(
                aged, place, int(random.uniform(0.05, 0.35) * dots), int(random.integers(20, 120)), -1, cv2.LINE_AA
            )
    return np.asarray(aged, np.uint8)


def folded(page: Grey, dots: float, random: Random) -> Grey:
    """Add a crease across the page: a thin dark line, with a shadow fading away on one side of it."""
    height, width = page.shape
    along = random.random() < 0.7
    across = height if along else width
    at = across * random.uniform(0.3, 0.7)
    way = (np.arange(across) - at) / dots
    shadow = 1 - random.uniform(0.1, 0.3) * np.exp(-np.maximum(way, 0) / random.uniform(5, 25)) * (way > 0)
    shadow -= random.uniform(0.05, 0.3) * np.exp(-((way / 0.2) ** 2))
    strip = shadow[:, None] if along else shadow[None, :]
    return np.asarray(np.clip(page * strip.astype(np.float32), 0, 255), np.uint8)


def stained(page: Grey, dots: float, random: Random) -> Grey:
    """Add the ring of a coffee cup and some of the coffee."""
    ring = np.zeros((page.shape[0] // 4 + 1, page.shape[1] // 4 + 1), np.float32)
    middle = tuple(int(random.uniform(0.1, 0.9) * side) for side in ring.shape[::-1])
    radius = random.uniform(15, 40) * dots / 4
    cv2.circle(ring, middle, int(radius), random.uniform(0.03, 0.2), -1, cv2.LINE_AA)
    cv2.circle(ring, middle, int(radius), random.uniform(0.15, 0.45), max(1, int(random.uniform(1, 4) * dots / 4)))
    ring = cv2.GaussianBlur(ring, (0, 0), dots / 8)
    whole = cv2.resize(ring, page.shape[::-1])
    return np.asarray(page * (1 - whole), np.uint8)


def _geometry(
    shape: tuple[int, ...], dots: float, dpi: int, photo: bool, chances: Chances, random: Random
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the matrix from millimetres of the page to pixels, and the size of the picture."""
    height, width = shape[0] / dots, shape[1] / dots
    angle = np.radians(random.uniform(-chances.skew, chances.skew))
    scale = random.uniform(*chances.scale) * dpi / 25.4
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1 / scale]])
    lean = np.eye(3)
    if photo:
        lean[2, :2] = random.uniform(-0.15, 0.15, 2) / [width, height]
        # A photo shows the whole page.
        turn[2, 2] *= 1.12
    off = random.uniform(-chances.shift, chances.shift, 2) * dpi / 25.4
    size = (round(width * dpi / 25.4), round(height * dpi / 25.4))
    place = np.array([[1, 0, size[0] / 2 + off[0]], [0, 1, size[1] / 2 + off[1]], [0, 0, 1]])
    return place @ turn @ lean @ middle, size


def _exposed(image: cv2.typing.MatLike, photo: bool, random: Random) -> NDArray[np.float32]:
    """Add uneven light: a camera's falls off to one side, a scanner's is nearly even."""
    height, width = image.shape
    depth = random.uniform(0.15, 0.5) if photo else random.uniform(0, 0.04)
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(np.cos(angle))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    return np.asarray(image * (1 - np.float32(depth) * (0.5 + (across + down) / 2.83)), np.float32)


def _noisy(image: NDArray[np.float32], levels: float, random: Random) -> Grey:
    # Repeating the same grain in tiles is just as good and much faster.
    grain = random.standard_normal((1024, 1021), np.float32) * np.float32(levels)
    for top in range(0, image.shape[0], grain.shape[0]):
        for left in range(0, image.shape[1], grain.shape[1]):
            part = image[top : top + grain.shape[0], left : left + grain.shape[1]]
            part += grain[: part.shape[0], : part.shape[1]]
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _turned(image: Grey, matrix: NDArray[np.float64], random: Random) -> tuple[Grey, NDArray[np.float64]]:
    height, width = image.shape
    quarters = int(random.integers(1, 4))
    turn = {
        1: np.array([[0, -1, height], [1, 0, 0], [0, 0, 1]]),
        2: np.array([[-1, 0, width], [0, -1, height], [0, 0, 1]]),
        3: np.array([[0, 1, 0], [-1, 0, width], [0, 0, 1]]),
    }[quarters]
    return np.ascontiguousarray(np.rot90(image, -quarters)), turn @ matrix


def _one_bit(image: Grey, dpi: int) -> Grey:
    """Threshold each pixel by its surroundings, as scanners do, so that shadows do not turn black."""
    reach = round(dpi * 0.3) | 1
    return np.asarray(
        cv2.adaptiveThreshold(image, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, reach, 28), np.uint8
    )


def _compressed(image: Grey, quality: int) -> Grey:
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)
