"""From the bytes of a scan to one of its pages as grey pixels: image files of any kind, many-paged TIFF and PDF."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import ImageFile
from pypdfium2.raw import FPDF_ERR_PASSWORD

from pipelines.errors import DataError
from pipelines.images.decoding import MAX_PIXELS, PNG_END, check_size, decode, inspect

MAX_PAGES = 5_000
POINTS_PER_INCH = 72
UPRIGHT = (None, 0, 1)
ORIENTATION = 0x0112
TURNING_NOTES = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""What stands in a PNG that may say how it is turned."""

Pixels = NDArray[np.uint8]
Found = TypeVar("Found")

_one_at_a_time = threading.Lock()
"""PDFium must never be entered by two threads at once."""


def count_pages(content: bytes, name: str) -> int:
    """How many pages the file holds; a DataError if there is none that could be opened."""
    _refuse_empty(content, name)
    count = _in_pdf(content, name, len) if _is_pdf(content) else inspect(content, name, _frames)
    if not count:
        raise DataError(f"{name}: the file has no page.")
    if count > MAX_PAGES:
        raise DataError(f"{name}: the file has {count:,} pages, more than the limit of {MAX_PAGES:,}; split it.")
    return count


def open_page(content: bytes, name: str, number: int, dpi: int = 200, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Page `number`, from 0, as grey [H, W], upright as far as the file says how; `dpi` is of PDF alone."""
    _refuse_empty(content, name)
    where = f"{name}, page {number + 1}"
    if _is_pdf(content):
        return _in_pdf(content, name, lambda document: _rendered(document, where, number, dpi, max_pixels))
    if number == 0 and inspect(content, name, lambda image: _is_plain(image, name, content, max_pixels)):
        # Several times as quickly as the general way; what it cannot open is left to that, which says why.
        quick = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if quick is not None:
            return quick.astype(np.uint8, copy=False)
    _check_number(number, inspect(content, name, _frames), where)
    return _as_grey(decode(content, where if number else name, max_pixels, page=number))


def _refuse_empty(content: bytes, name: str) -> None:
    if not content:
        raise DataError(f"{name}: the file is empty.")


def _is_pdf(content: bytes) -> bool:
    # Scanners and mailers put their own bytes before the header, and readers of PDF allow for that.
    return b"%PDF-" in content[:1024]


def _frames(image: ImageFile.ImageFile) -> int:
    return int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1


def _is_plain(image: ImageFile.ImageFile, name: str, content: bytes, max_pixels: int) -> bool:
    """Whether OpenCV opens it just as the general way does: grey or colour, not turned, and whole."""
    check_size(image.size, name, max_pixels)
    whole = {"PNG": PNG_END in content[-64:], "JPEG": b"\xff\xd9" in content[-64:]}
    return (
        whole.get(image.format or "", False)
        and image.mode in ("1", "L", "RGB")
        and "transparency" not in image.info
        and _orientation(image, content) in UPRIGHT
    )


def _orientation(image: ImageFile.ImageFile, content: bytes) -> int | None:
    # Such a note may stand behind the pixels: Pillow would decode a whole PNG to look for it.
    if image.format == "PNG" and not any(note in content for note in TURNING_NOTES):
        return None
    return image.getexif().get(ORIENTATION)


def _as_grey(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _in_pdf(content: bytes, name: str, look: Callable[[pdfium.PdfDocument], Found]) -> Found:
    with _one_at_a_time:
        try:
            document = pdfium.PdfDocument(content)
            try:
                # Else what was filled in on a computer is not drawn.
                document.init_forms()
                return look(document)
            finally:
                document.close()
        except pdfium.PdfiumError as error:
            if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
                raise DataError(f"{name}: the PDF is locked with a password; save it without one.") from error
            raise DataError(f"{name}: the PDF is damaged ({str(error).rstrip('.')}).") from error


def _rendered(document: pdfium.PdfDocument, where: str, number: int, dpi: int, max_pixels: int) -> Pixels:
    _check_number(number, len(document), where)
    page = document[number]
    scale = dpi / POINTS_PER_INCH
    width, height = page.get_size()
    check_size((round(width * scale), round(height * scale)), where, max_pixels)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        pixels = bitmap.to_numpy()
        # The bitmap's memory goes with it.
        return np.array(pixels[..., 0] if pixels.ndim == 3 else pixels, np.uint8)
    finally:
        bitmap.close()
        page.close()


def _check_number(number: int, count: int, where: str) -> None:
    if not 0 <= number < count:
        raise DataError(f"{where}: there is no such page; the file has {count:,}.")
