"""Image files as documents: a TIFF may have many pages, a WebP or PNG several frames, all others have one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from pipelines.documents.page_number import check_number
from pipelines.images.decoding import PNG_END, check_size, count_pages, decode, inspect

UPRIGHT = (None, 0, 1)
ORIENTATION = 0x0112
ORIENTATION_CHUNKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Chunks of a PNG that may hold its orientation."""

Pixels = NDArray[np.uint8]


class ImageDocument:
    def __init__(self, content: bytes, name: str, max_pixels: int) -> None:
        self._content, self._name, self._max_pixels = content, name, max_pixels
        self._count = inspect(content, name, count_pages)

    def __len__(self) -> int:
        return self._count

    def page(self, number: int) -> Pixels:
        where = f"{self._name}, page {number + 1}"
        check_number(number, self._count, where)
        if number == 0 and inspect(self._content, self._name, self._is_plain):
            # Several times as fast as Pillow, which is left to say why an image cannot be opened.
            quick = cv2.imdecode(np.frombuffer(self._content, np.uint8), cv2.IMREAD_GRAYSCALE)
            if quick is not None:
                return quick.astype(np.uint8, copy=False)
        return _as_grey(decode(self._content, where if number else self._name, self._max_pixels, page=number))

    def _is_plain(self, image: ImageFile.ImageFile) -> bool:
        """Whether OpenCV opens it exactly as Pillow does: grey or colour, not rotated, and complete."""
        check_size(image.size, self._name, self._max_pixels)
        tail = self._content[-64:]
        complete = {"PNG": PNG_END in tail, "JPEG": b"\xff\xd9" in tail}
        return (
            complete.get(image.format or "", False)
            and image.mode in ("1", "L", "RGB")
            and "transparency" not in image.info
            and _orientation(image, self._content) in UPRIGHT
        )


def _orientation(image: ImageFile.ImageFile, content: bytes) -> int | None:
    # Such a chunk may follow the pixels: Pillow would decode a whole PNG to look for it.
    if image.format == "PNG" and not any(note in content for note in ORIENTATION_CHUNKS):
        return None
    return image.getexif().get(ORIENTATION)


def _as_grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
