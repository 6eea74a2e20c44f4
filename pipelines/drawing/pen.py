"""Draws digits with a pen: stroke skeletons in several styles, jittered and inked."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from pipelines.drawing.skeletons import STYLES as STYLES
from pipelines.drawing.skeletons import Skeleton

Styles = Mapping[int, list[Skeleton]]

CANVAS = 112
SIDE = 28
BOX = 20


def _smooth(points: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """A Catmull-Rom curve through the points."""
    if len(points) < 3:
        return points
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, start, end, after = ends[:-3, None], ends[1:-2, None], ends[2:-1, None], ends[3:, None]
    t = np.linspace(0, 1, steps)[None, :, None]
    curve = (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    ) / 2
    return curve.reshape(-1, 2)


def _hand(random: np.random.Generator) -> NDArray[np.float64]:
    """The slant, turn and proportions of one drawing, as a 2x2 matrix."""
    turn, slant = random.normal(0, 0.08), random.normal(0.1, 0.18)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    proportions = np.diag([random.uniform(0.5, 0.85), 1.0])
    return proportions @ np.array([[1, 0], [-slant, 1]]) @ rotation


def trace(
    skeleton: Skeleton, hand: NDArray[np.float64], wobble: float, random: np.random.Generator
) -> list[NDArray[np.float64]]:
    """The paths of the pen, centred on the origin and about 1 high, transformed by a 2x2 matrix for the handwriting."""
    return [
        _smooth((np.array(stroke) + random.normal(0, wobble, (len(stroke), 2)) - 0.5) @ hand) for stroke in skeleton
    ]


def ink_skeleton(skeleton: Skeleton, random: np.random.Generator) -> NDArray[np.uint8]:
    """One drawing of these strokes in the middle of an empty canvas, at four times the size of the model's input."""
    hand, wobble = _hand(random), random.uniform(0.01, 0.04)
    curves = trace(skeleton, hand, wobble, random)
    extent = np.vstack(curves)
    # The pen's width belongs to the box, so the skeleton is drawn smaller by it.
    width = int(random.integers(6, 15))
    scale = (CANVAS * BOX / SIDE - width) / max(np.ptp(extent, axis=0).max(), 0.1)
    middle = (extent.max(axis=0) + extent.min(axis=0)) / 2
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    paths = [np.round((curve - middle) * scale * 16 + CANVAS * 8).astype(np.int32) for curve in curves]
    cv2.polylines(canvas, paths, False, 255, width, cv2.LINE_AA, shift=4)
    return canvas


def ink_digit(digit: int, random: np.random.Generator, hands: Styles = STYLES) -> NDArray[np.uint8]:
    styles = hands[digit]
    return ink_skeleton(styles[random.integers(len(styles))], random)


def draw_digit(digit: int, random: np.random.Generator, hands: Styles = STYLES) -> NDArray[np.uint8]:
    """One digit as uint8 [28, 28], ink bright on dark, 20 pixels in its longer side and centred by mass."""
    canvas = ink_digit(digit, random, hands)
    return _centred(cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA), random)


def _centred(image: MatLike, random: np.random.Generator) -> NDArray[np.uint8]:
    mass = cv2.moments(image)
    offset = (SIDE - 1) / 2 - np.array([mass["m10"], mass["m01"]]) / max(mass["m00"], 1)
    offset += random.normal(0, 0.3, 2)
    shift = np.array([[1, 0, offset[0]], [0, 1, offset[1]]])
    return cv2.warpAffine(image, shift, (SIDE, SIDE)).astype(np.uint8)


def draw_digits(count: int, seed: int, hands: Styles = STYLES) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `count` images, every digit equally often and in random order; returns the images and their labels."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10).astype(np.uint8)
    return np.stack([draw_digit(int(label), random, hands) for label in labels]), labels
