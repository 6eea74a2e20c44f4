"""One digit of any size on any paper as the model's input: 28x28, ink bright on dark, 20 pixels long, centred by mass.

What already has that form stays as it is, to the byte, so that whoever prepares a digit twice does no harm and a digit
reads the same from a PNG, a parquet file and an IDX file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError
from pipelines.images.ink import find_ink, only_digit
from pipelines.images.levels import as_bytes, to_bytes

SIDE = 28
INK_SIDE = 20
WORKING_SIDE = 4 * INK_SIDE
"""Strokes are measured and thickened at this size at most."""
MIN_STROKE = 1.5
"""A stroke that is thinner than this in the result would fade or break where it is scaled down."""
INK = 48
"""Brighter pixels count as the ink of a prepared digit."""
BLACK = 8
"""The paper of a prepared digit is no brighter than this."""

Digits = NDArray[np.uint8]
CHUNK = 256
"""Images that are looked at together: as many as a core's own cache holds."""
_ROW, _COLUMN = np.indices((SIDE, SIDE), np.float32).reshape(2, -1)
_MOMENTS = np.ascontiguousarray(np.stack([np.ones(SIDE * SIDE, np.float32), _ROW, _COLUMN], 1))
"""Mass, and mass by row and column. The sums of an image stay below 2**24, so that float32 has them exactly."""


def to_model_input(images: NDArray[Any] | Sequence[NDArray[Any]]) -> Digits:
    """Prepare a stack [N, H, W] or [N, H, W, 3], or a list of images of any sizes; returns uint8 [N, 28, 28]."""
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == (SIDE, SIDE):
        return _prepare_stack(images)
    greys = [_to_grey(image, index) for index, image in enumerate(images)]
    sized = np.array([grey.shape == (SIDE, SIDE) for grey in greys], bool)
    if len(greys) and sized.all():
        return _prepare_stack(np.array(greys))
    prepared = np.empty((len(greys), SIDE, SIDE), np.uint8)
    if sized.any():
        prepared[sized] = _prepare_stack(np.stack([grey for grey in greys if grey.shape == (SIDE, SIDE)]))
    if not sized.all():
        prepared[~sized] = _prepare([grey for grey in greys if grey.shape != (SIDE, SIDE)])
    return prepared


def _prepare_stack(images: Digits) -> Digits:
    todo = np.flatnonzero(~is_prepared(images))
    if not len(todo):
        return images
    prepared = images.copy()
    prepared[todo] = _prepare([images[index] for index in todo])
    return prepared


def is_prepared(images: Digits) -> NDArray[np.bool_]:
    """Which of these 28x28 images already have the model's form, or are blank."""
    chunks = [_is_prepared(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.bool_)


def _is_prepared(images: Digits) -> NDArray[np.bool_]:
    pixels = images.reshape(len(images), SIDE * SIDE)
    ink = pixels >= INK
    dark = np.count_nonzero(ink, axis=1) <= (INK_SIDE + 1) ** 2
    black = np.count_nonzero(pixels <= BLACK, axis=1) >= SIDE * SIDE // 20
    bright = pixels.max(1, initial=0)
    field = ink.reshape(-1, SIDE, SIDE)
    length = np.maximum(_extent(field.any(1)), _extent(field.any(2)))
    form = dark & black & (length >= INK_SIDE - 3) & (length <= INK_SIDE + 1) & (bright >= 200)
    mass, down, across = (pixels.astype(np.float32) @ _MOMENTS).T
    for moment, axis in ((down, 2), (across, 1)):
        form &= _is_placed(images, moment / np.maximum(mass, 1) - 13.5, axis)
    return form | (bright == 0)


def _is_placed(images: Digits, off: NDArray[np.float32], axis: int) -> NDArray[np.bool_]:
    """Whether the centre of mass is in the middle, or as near as a lopsided shape can be without leaving the field."""
    placed = np.abs(off) <= 1.5
    rest = np.flatnonzero(~placed)
    inked = images[rest].max(axis, initial=0) > 0
    placed[rest] = np.where(off[rest] > 0, inked[:, :2].any(1), inked[:, -2:].any(1))
    return placed


def _extent(marked: Any) -> NDArray[np.intp]:
    """The extent of each row from its first to its last mark; the whole row if it has none."""
    return marked.shape[1] - marked.argmax(1) - marked[:, ::-1].argmax(1)


def _to_grey(image: NDArray[Any], index: int) -> Digits:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)) or not image.size:
        raise DataError(f"Image {index} must be [H, W] or [H, W, 3] with pixels, not {list(image.shape)}.")
    grey = to_bytes(image)
    if grey.ndim == 2:
        return grey
    return (
        grey[..., 0] if grey.shape[2] == 1 else as_bytes(cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_RGB2GRAY))
    )


def _prepare(greys: Sequence[Digits]) -> Digits:
    prepared = np.stack([_prepare_one(grey) for grey in greys])
    # Ink of a few pixels, or of a hairline, has a margin that counts; without it the digit gets its full length.
    for index in np.flatnonzero(~is_prepared(prepared)):
        prepared[index] = _place(_scale(_without_margin(prepared[index])))
    return prepared


def _prepare_one(grey: Digits) -> Digits:
    ink = find_ink(grey)
    digit = None if ink is None else only_digit(ink)
    return np.zeros((SIDE, SIDE), np.uint8) if digit is None else _place(_scale(digit))


def _without_margin(digit: Digits) -> Digits:
    rows, columns = np.nonzero(digit >= 128)
    return digit[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _scale(digit: Digits) -> Digits:
    """Scale to 20 pixels on the longer side, keeping strokes unbroken."""
    digit = _shrink(digit)
    height, width = digit.shape
    factor = INK_SIDE / max(height, width)
    missing = round(MIN_STROKE / factor - _stroke_width(digit))
    if factor < 1 and missing > 0:
        framed = _framed(digit, missing, missing, missing, missing)
        digit = as_bytes(cv2.dilate(framed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (missing + 1, missing + 1))))
        height, width = digit.shape
        factor = INK_SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    scaled = cv2.resize(digit, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    # The lines of a thin pen come out grey where they were averaged with paper.
    brightest = np.partition(scaled.ravel(), -10)[-10:].mean() if scaled.size > 10 else scaled.max()
    return as_bytes(cv2.convertScaleAbs(scaled, alpha=255 / max(float(brightest), 1.0)))


def _shrink(digit: Digits) -> Digits:
    """Shrink a large scan by max pooling: an average would dissolve thin lines."""
    block = max(digit.shape) // WORKING_SIDE
    if block < 2:
        return digit
    height, width = digit.shape
    high, wide = (-(-side // block) * block for side in (height, width))
    padded = _framed(digit, 0, high - height, 0, wide - width)
    return padded.reshape(high // block, block, wide // block, block).max(axis=(1, 3))


def _framed(digit: Digits, above: int, below: int, left: int, right: int) -> Digits:
    return as_bytes(cv2.copyMakeBorder(digit, above, below, left, right, cv2.BORDER_CONSTANT))


def _stroke_width(digit: Digits) -> float:
    padded = _framed((digit >= 128).astype(np.uint8), 1, 1, 1, 1)
    inside = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[padded > 0]
    # Across a band, the distance to its edge is a quarter of its width on average.
    return 4 * float(inside.mean()) - 1 if inside.size else 1.0


def _place(digit: Digits) -> Digits:
    """Put the digit on an empty field with its centre of mass in the middle, as far as it stays inside."""
    height, width = digit.shape
    mass = max(float(digit.sum()), 1.0)
    row = float(digit.sum(1) @ np.arange(height)) / mass
    column = float(digit.sum(0) @ np.arange(width)) / mass
    top = min(max(round(13.5 - row), 0), SIDE - height)
    left = min(max(round(13.5 - column), 0), SIDE - width)
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[top : top + height, left : left + width] = digit
    return field
