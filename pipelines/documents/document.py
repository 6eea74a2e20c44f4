"""A document opened once: how many pages it has, and each of them as grey pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.documents.image_file import ImageDocument
from pipelines.documents.limits import DEFAULT_LIMITS, Limits
from pipelines.documents.pdf import is_pdf, open_pdf
from pipelines.errors import DataError

Pixels = NDArray[np.uint8]


class DocumentCrash(DataError):
    """The worker process that opened the document died."""


class DocumentTimeout(DocumentCrash):
    """The document took longer to open than its limit."""


class Document(Protocol):
    def __len__(self) -> int:
        """The number of pages."""
        ...

    def page(self, number: int) -> Pixels:
        """Page `number`, from 0, as grey [H, W], upright as far as the file says how."""
        ...


@contextmanager
def open_document(content: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> Iterator[Document]:
    """Open a document in this process: for trusted files, such as the blank page of a template.

    Raises a DataError if there is no page in it. Only `DocumentPool` enforces the limits on time and memory.
    """
    if not content:
        raise DataError(f"{name}: the file is empty.")
    if is_pdf(content):
        with open_pdf(content, name, limits.dpi, limits.pixels) as document:
            yield _checked(document, name, limits)
    else:
        yield _checked(ImageDocument(content, name, limits.pixels), name, limits)


def _checked(document: Document, name: str, limits: Limits) -> Document:
    count = len(document)
    if not count:
        raise DataError(f"{name}: the file has no page.")
    if count > limits.pages:
        raise DataError(f"{name}: the file has {count:,} pages, more than the limit of {limits.pages:,}; split it.")
    return document
