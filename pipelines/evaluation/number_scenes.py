"""Drawn pictures of one number each: cut out closely or with room, and with what stands beside numbers on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.corpus import Split
from pipelines.images.levels import as_bytes
from pipelines.strings.synthesis import (
    TALL,
    Handwriting,
    LineDrawing,
    WrittenString,
    foot_of,
    gap_of,
    glyph_of,
    leaning,
)

Picture = NDArray[np.uint8]
Random = np.random.Generator
Mark = Callable[["Scene", Random], None]

TIED = ("230", "300", "530", "97", "100", "2000", "80", "65", "502")
"""Numbers that are written in one stroke."""


@dataclass(frozen=True)
class Scene:
    """The ink of a picture before it is scanned, and where in it the number lies."""

    ink: Picture
    digits: str
    left: int
    top: int
    right: int
    bottom: int


def draw_scenes(name: str, count: int, seed: int, source: Split) -> Iterator[WrittenString]:
    """Draw `count` pictures of this kind, always the same for a seed; rows that differ by a mark share numbers."""
    for at in range(count):
        yield SCENES[name](np.random.default_rng([seed, at]), source)


def written(
    random: Random, source: Split, length: int = 0, digits: str = "", ties: float = 0, zeros: float = 1
) -> tuple[Picture, str]:
    """The ink of a number of this length, or of these digits, joined with this probability; `zeros` is their size."""
    hand, line = Handwriting.draw(random), LineDrawing()
    chosen = [int(random.choice(np.flatnonzero(source.labels == int(digit)))) for digit in digits]
    chosen = chosen or random.integers(0, len(source), length).tolist()
    for place, index in enumerate(chosen):
        small = zeros if source.labels[index] == 0 and place else 1.0
        glyph = glyph_of(source.images[index], hand, small, random)
        line.put(glyph, -4 if ties else gap_of(hand, random), foot_of(hand, random))
        if place and random.random() < ties:
            line.tie(random)
    return leaning(line.ink(), hand), "".join(str(source.labels[index]) for index in chosen)


def on_plain_paper(ink: Picture, random: Random, is_light: bool = False) -> Picture:
    """Grey paper a little lighter at one side, with blur and grain."""
    level = random.uniform(170, 245)
    paper = level + random.normal(0, 8) * np.linspace(0, 1, ink.shape[1])
    image = cv2.GaussianBlur(paper - random.uniform(0.5, 0.9) * level * (ink / 255.0), (0, 0), random.uniform(0.3, 0.8))
    grained = np.clip(image + random.normal(0, random.uniform(0.5, 4), ink.shape), 0, 255).astype(np.uint8)
    return 255 - grained if is_light else grained


def scaled(ink: Picture, height: float) -> Picture:
    factor = height / ink.shape[0]
    size = (max(3, round(ink.shape[1] * factor)), max(3, round(height)))
    return as_bytes(cv2.resize(ink, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR))


def _closely(
    length: tuple[int, int] = (2, 6),
    margins: tuple[float, float] = (0, 0),
    height: tuple[int, int] = (26, 90),
    bare_side: bool = False,
    is_light: bool = False,
) -> Callable[[Random, Split], WrittenString]:
    """A number with margins of these shares of its height; with `bare_side`, one side has none."""

    def draw(random: Random, source: Split) -> WrittenString:
        ink, digits = written(random, source, int(random.integers(length[0], length[1] + 1)))
        ink = scaled(ink, float(np.exp(random.uniform(*np.log(height)))))
        sides = [round(side) for side in random.uniform(*margins, 4) * len(ink)]
        if bare_side:
            sides[int(random.integers(4))] = 0
        framed = np.pad(ink, (sides[:2], sides[2:]))
        return WrittenString(on_plain_paper(framed, random, is_light), digits)

    return draw


def _tied(random: Random, source: Split) -> WrittenString:
    ink, digits = written(random, source, digits=str(random.choice(TIED)), ties=0.6)
    return WrittenString(on_plain_paper(scaled(ink, float(random.uniform(26, 90))), random), digits)


def _ten(random: Random, source: Split) -> WrittenString:
    """A 1 that is the tallest by far, from edge to edge: no rule."""
    digits = "1" + "0" * int(random.integers(1, 4))
    ink, _ = written(random, source, digits=digits, zeros=float(random.uniform(0.45, 0.8)))
    return WrittenString(on_plain_paper(scaled(ink, float(random.uniform(26, 90))), random), digits)


def _beside(*marks: Mark) -> Callable[[Random, Split], WrittenString]:
    """A number with room around it, and marks that do not touch its answer."""

    def draw(random: Random, source: Split) -> WrittenString:
        number, digits = written(random, source, int(random.integers(2, 6)))
        height, width = number.shape
        above, below = (int(random.uniform(0.12, 0.5) * TALL) for _ in range(2))
        before, after = (int(random.uniform(0.3, 1.5) * TALL) for _ in range(2))
        ink = as_bytes(cv2.copyMakeBorder(number, above, below, before, after, cv2.BORDER_CONSTANT))
        scene = Scene(ink, digits, before, above, before + width, above + height)
        tall, paper = float(random.uniform(40, 110)), int(random.integers(2**31))
        for mark in marks:
            mark(scene, random)
        return WrittenString(on_plain_paper(scaled(ink, tall), np.random.default_rng(paper)), digits)

    return draw


def _pen(random: Random) -> int:
    return int(random.integers(4, 7))


def _point(scene: Scene, random: Random) -> None:
    place = (scene.right + int(random.uniform(6, 18)), scene.bottom - int(random.integers(2, 8)))
    cv2.circle(scene.ink, place, int(random.integers(3, 6)), 255, -1, cv2.LINE_AA)


def _comma(scene: Scene, random: Random) -> None:
    x, y = scene.right + int(random.uniform(6, 18)), scene.bottom - int(random.integers(3, 10))
    end = (x - int(random.integers(2, 8)), y + int(random.integers(9, 18)))
    cv2.line(scene.ink, (x, y), end, 255, _pen(random), cv2.LINE_AA)


def _dash(scene: Scene, random: Random) -> None:
    y = scene.top + int((scene.bottom - scene.top) * random.uniform(0.35, 0.65))
    long, far = int(random.uniform(18, 50)), int(random.uniform(6, 16))
    start = scene.right + far if random.random() < 0.5 else scene.left - far - long
    cv2.line(scene.ink, (start, y), (start + long, y + int(random.integers(-3, 4))), 255, _pen(random), cv2.LINE_AA)


def _loop(scene: Scene, random: Random) -> None:
    wide = random.uniform(14, 26)
    place = (scene.right + wide + random.uniform(4, 10), scene.top + random.uniform(0.4, 0.9) * TALL)
    axes = (int(wide), int(wide * random.uniform(0.25, 0.5)))
    turn = float(random.uniform(-25, 10))
    cv2.ellipse(scene.ink, tuple(map(int, place)), axes, turn, 0, 360, 255, int(random.integers(3, 6)), cv2.LINE_AA)


def _rule(side: str) -> Mark:
    """A printed line from edge to edge; above and below it may run through the number."""

    def draw(scene: Scene, random: Random) -> None:
        height, width = scene.ink.shape
        layer = np.zeros_like(scene.ink)
        thick, lean, level = int(random.integers(2, 6)), random.uniform(-0.015, 0.015), int(random.uniform(130, 256))
        if side in ("left", "right"):
            away = int(random.uniform(6, 30))
            x = max(scene.left - away, 2) if side == "left" else min(scene.right + away, width - 3)
            cv2.line(layer, (x, -5), (x + int(lean * height), height + 5), level, thick)
        else:
            away = int(random.uniform(-6, 12))
            y = max(scene.top - away, 2) if side == "above" else min(scene.bottom + away, height - 3)
            cv2.line(layer, (-5, y), (width + 5, y + int(lean * width)), level, thick)
        np.maximum(scene.ink, layer, out=scene.ink)

    return draw


SCENES: dict[str, Callable[[Random, Split], WrittenString]] = {
    "tight": _closely(),
    "tight, light on dark": _closely(is_light=True),
    "tight, joined": _tied,
    "tight, one digit": _closely((1, 1)),
    "tight, 1 and small zeros": _ten,
    "tight on one side": _closely(margins=(0, 0.6), bare_side=True),
    "with room": _closely(margins=(0.3, 1.0)),
    "large": _closely(margins=(0, 0.5), height=(150, 500)),
    "beside nothing": _beside(),
    "beside a point": _beside(_point),
    "beside a comma": _beside(_comma),
    "beside a dash": _beside(_dash),
    "beside a loop": _beside(_loop),
    "a rule right": _beside(_rule("right")),
    "a rule left": _beside(_rule("left")),
    "rules left and right": _beside(_rule("left"), _rule("right")),
    "a rule below": _beside(_rule("below")),
    "a rule above": _beside(_rule("above")),
    "rules below and right": _beside(_rule("below"), _rule("right")),
    "in a box": _beside(_rule("below"), _rule("right"), _rule("left"), _rule("above")),
}
