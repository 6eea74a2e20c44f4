"""Encodes and decodes one digit as a PNG without loss; it must have 28 x 28 pixels of 8-bit grey."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipelines.corpora.corpus import SIDE
from pipelines.errors import DataError

PNG_START = b"\x89PNG\r\n\x1a\n"


def encode_png(digit: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", digit)[1].tobytes()


def decode_png(content: bytes, where: object) -> NDArray[np.uint8]:
    """Decode with Pillow, which unlike OpenCV detects grey of 1 or 16 bits and rejects truncated files."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            _check(image, where)
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: this is not a PNG image.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: the PNG cannot be read ({error}).") from error


def _check(image: Any, where: object) -> None:
    if image.mode != "L" or image.size != (SIDE, SIDE):
        width, height = image.size
        raise DataError(
            f"{where}: expected {SIDE} x {SIDE} pixels of 8-bit grey (mode L), "
            f"found {width} x {height} of mode {image.mode}."
        )
