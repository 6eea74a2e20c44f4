"""PDF documents, rendered by PDFium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2.raw import FPDF_ERR_PASSWORD

from pipelines.documents.page_number import check_number
from pipelines.errors import DataError
from pipelines.images.decoding import check_size

POINTS_PER_INCH = 72

_pdfium_lock = threading.Lock()
"""PDFium is not thread-safe: only one thread at a time may be in it."""


def is_pdf(content: bytes) -> bool:
    # Scanners and mailers put their own bytes before the header, and readers of PDF allow for that.
    return b"%PDF-" in content[:1024]


@contextmanager
def open_pdf(content: bytes, name: str, dpi: int, max_pixels: int) -> Iterator[PdfDocument]:
    with _pdfium_lock, _pdfium_errors_in_words(name):
        document = pdfium.PdfDocument(content)
        try:
            # Otherwise values that were typed into form fields are not rendered.
            document.init_forms()
            yield PdfDocument(document, name, dpi, max_pixels)
        finally:
            document.close()


@contextmanager
def _pdfium_errors_in_words(name: str) -> Iterator[None]:
    try:
        yield
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == FPDF_ERR_PASSWORD:
            raise DataError(f"{name}: the PDF is locked with a password; save it without one.") from error
        raise DataError(f"{name}: the PDF is damaged ({str(error).rstrip('.')}).") from error


class PdfDocument:
    def __init__(self, document: pdfium.PdfDocument, name: str, dpi: int, max_pixels: int) -> None:
        self._document, self._name, self._dpi, self._max_pixels = document, name, dpi, max_pixels
        self._count = len(document)

    def __len__(self) -> int:
        return self._count

    def page(self, number: int) -> NDArray[np.uint8]:
        where = f"{self._name}, page {number + 1}"
        check_number(number, self._count, where)
        with _pdfium_errors_in_words(where):
            return self._rendered(number, where)

    def _rendered(self, number: int, where: str) -> NDArray[np.uint8]:
        page = self._document[number]
        scale = self._dpi / POINTS_PER_INCH
        width, height = page.get_size()
        check_size((round(width * scale), round(height * scale)), where, self._max_pixels)
        bitmap = page.render(scale=scale, grayscale=True)
        try:
            pixels = bitmap.to_numpy()
            # The bitmap's memory is freed with it.
            return np.array(pixels[..., 0] if pixels.ndim == 3 else pixels, np.uint8)
        finally:
            bitmap.close()
            page.close()
