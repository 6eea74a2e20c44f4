"""Conversion of pixels of any number type to bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import DataError

WIDEST = 1e300
"""Numbers beyond count as this, so that the range between two of them is a number."""


def to_bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale pixels by the range of their type (0 to 1 for floats, 65535 for 16 bits), or by their own if wider."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind not in "iuf":
        raise DataError(f"Pixels must be numbers, not {pixels.dtype}.")
    deep = np.clip(np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0), -WIDEST, WIDEST)
    low, high = _range(deep, pixels.dtype.kind == "f")
    return np.rint((deep - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)


def as_bytes(image: Any) -> NDArray[np.uint8]:
    """Narrow the type of what OpenCV returns: for bytes it returns bytes, but its annotations do not say so."""
    return np.asarray(image, np.uint8)


def _range(deep: NDArray[np.float64], floats: bool) -> tuple[float, float]:
    low, high = float(deep.min(initial=0.0)), float(deep.max(initial=0.0))
    limits = [1.0, 255.0, 65535.0] if floats else [255.0, 65535.0]
    return (0.0, next((limit for limit in limits if high <= limit), high)) if low >= 0 else (low, high)
