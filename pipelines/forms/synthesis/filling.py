"""Filling in forms with a pen: each form has one hand, with its own width, ink, size and carelessness."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.drawing.pen import trace
from pipelines.drawing.skeletons import LETTERS, SIGNS, STYLES, Skeleton
from pipelines.forms.registration.registered_page import Grey
from pipelines.forms.synthesis.answers import TICKED
from pipelines.forms.template import Box, Field, Template

Random = np.random.Generator

FINE = 4
"""Fractional bits of the coordinates in OpenCV's drawing."""
WAYS_TO_TICK = ("tick", "cross", "cross", "plus")


@dataclass(frozen=True)
class FormFiller:
    """The handwriting of one person with one pen."""

    styles: dict[int, Skeleton]
    matrix: NDArray[np.float64]
    """Slant, rotation and proportions."""
    wobble: float
    width: float
    """Width of the pen in mm."""
    ink: float
    """Maximum darkness of the ink, from 0 to 1."""
    evenness: float
    """Darkness of the lightest strokes relative to the darkest."""
    size: float
    """Height of a digit relative to its cell."""
    astray: float
    """How far a digit lies from the centre of its cell, relative to the cell's width."""
    tick: str


def new_filler(random: Random, careless: float = 0.5) -> FormFiller:
    """Make up a handwriting; `careless`, from 0 to 1, is how far digits stray from the centres of their cells."""
    turn, slant = random.normal(0, 0.05), random.normal(0.08, 0.12)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    proportions = np.diag([random.uniform(0.5, 0.75), 1.0])
    return FormFiller(
        styles={digit: styles[random.integers(len(styles))] for digit, styles in STYLES.items()},
        matrix=proportions @ np.array([[1, 0], [-slant, 1]]) @ rotation,
        wobble=random.uniform(0.008, 0.025),
        width=random.uniform(0.3, 0.75),
        ink=random.uniform(0.6, 0.97),
        evenness=random.uniform(0.6, 1.0),
        size=random.uniform(0.55, 0.55 + 0.25 * careless + 0.1),
        astray=random.uniform(0.02, 0.02 + 0.1 * careless),
        tick=str(random.choice(WAYS_TO_TICK)),
    )


def fill_in(page: Grey, template: Template, answers: dict[str, str], hand: FormFiller, random: Random) -> Grey:
    """Return a copy of the blank page with the answers written on it."""
    page = page.copy()
    dots = page.shape[1] / template.width
    for field in template.fields:
        for box, skeleton, size in _strokes(field, answers.get(field.name, ""), hand, random):
            _write(page, box, skeleton, size, hand, dots, random)
    return page


def _strokes(field: Field, value: str, hand: FormFiller, random: Random) -> list[tuple[Box, Skeleton, float]]:
    """Return what is written where, and its height in mm."""
    match field.kind:
        case "digits":
            return _in_cells(field, value, hand)
        case "number":
            return _in_a_row(field.box, value, hand)
        case "mark":
            size = field.box.height * random.uniform(0.7, 1.25)
            return [(field.box, SIGNS[hand.tick], size)] if value == TICKED else []
        case _:
            return _remark(field.box, hand, random)


def cells_of(field: Field) -> tuple[Box, ...]:
    if field.cell_boxes:
        return field.cell_boxes
    count, box = field.cells or 1, field.box
    width = box.width / count
    return tuple(Box(box.left + at * width, box.top, width, box.height) for at in range(count))


def _in_cells(field: Field, value: str, hand: FormFiller) -> list[tuple[Box, Skeleton, float]]:
    """Align the value right, and strike out unused cells if the form asks for that."""
    if not value:
        return []
    cells = cells_of(field)
    written = [
        (box, hand.styles[int(digit)], hand.size * box.height)
        for box, digit in zip(cells[-len(value) :], value, strict=True)
    ]
    unused = cells[: len(cells) - len(value)] if field.fill else ()
    sign = SIGNS["dash" if field.fill == "-" else "cross"]
    return [*((box, sign, 0.45 * box.height) for box in unused), *written]


def _in_a_row(box: Box, value: str, hand: FormFiller) -> list[tuple[Box, Skeleton, float]]:
    size = hand.size * box.height * 0.85
    step = min(size * 0.85, (box.width - size) / max(len(value), 1))
    left = box.left + size * 0.4
    places = [Box(left + at * step, box.top, step, box.height) for at in range(len(value))]
    return [(place, hand.styles[int(digit)], size) for place, digit in zip(places, value, strict=True)]


def _remark(box: Box, hand: FormFiller, random: Random) -> list[tuple[Box, Skeleton, float]]:
    letters, size = list(LETTERS.values()), hand.size * 7
    count = int(random.integers(0, 1 + int((box.width - 6) / size)))
    places = [Box(box.left + 3 + at * size, box.top + 2, size, box.height * 0.6) for at in range(count)]
    return [(place, letters[random.integers(len(letters))], size) for place in places]


def _write(
    page: Grey, box: Box, skeleton: Skeleton, size: float, hand: FormFiller, dots: float, random: Random
) -> None:
    curves = trace(skeleton, hand.matrix, hand.wobble, random)
    extent = np.vstack(curves)
    low, spread = extent.min(axis=0), np.maximum(np.ptp(extent, axis=0), 0.05)
    # Digits too wide for their cells are written smaller, as people do, though not always small enough.
    scale = min(size / max(spread[1], 0.45 * spread[0]), 1.05 * box.width / spread[0])
    middle = np.array([box.left + box.width / 2, box.top + box.height / 2])
    middle = middle + random.normal(0, hand.astray, 2) * [box.width, box.height]
    for curve in curves:
        _draw(page, (middle + (curve - low - spread / 2) * scale) * dots, hand, dots, random)


def _draw(page: Grey, path: NDArray[np.float64], hand: FormFiller, dots: float, random: Random) -> None:
    """Draw one stroke, darkest where the pen pressed most."""
    width = max(1, round(hand.width * dots * random.uniform(0.9, 1.1)))
    left, top = np.maximum(np.floor(path.min(axis=0)).astype(int) - width - 1, 0)
    right, bottom = np.ceil(path.max(axis=0)).astype(int) + width + 2
    under = page[top:bottom, left:right]
    if not under.size:
        return
    cover = np.zeros(under.shape, np.uint8)
    places = np.round((path - [left, top] - 0.5) * 2**FINE).astype(np.int32)
    cv2.polylines(cover, [places], False, 255, width, cv2.LINE_AA, shift=FINE)
    ramp = np.linspace(random.uniform(hand.evenness, 1), random.uniform(hand.evenness, 1), under.shape[0])[:, None]
    under[:] = np.minimum(under, 255 - cover * (hand.ink * ramp)).astype(np.uint8)
