"""The forms pipeline without Ray: from the bytes of a scan to the values of the fields on each page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipelines.documents.document import Document, DocumentCrash, DocumentTimeout
from pipelines.errors import InkrayError
from pipelines.forms.decoding.field_values import apply_rules
from pipelines.forms.fields import NO_DIGITS, ModelOutputs, PreparedPage, prepare_fields
from pipelines.forms.registration.matching import match_and_register
from pipelines.forms.registration.registered_page import Grey, NotRegistered, RegisteredPage
from pipelines.forms.results import EVERYTHING, Acceptance, FieldReading, PageResult
from pipelines.forms.template import Template
from pipelines.inference.outcome import Reason, ReasonCode
from pipelines.inference.recognizer import Recognizer
from pipelines.strings.reading import ReadFrames

PICTURE_QUALITY = 80


def read_document(
    document: Document,
    name: str,
    templates: Sequence[Template],
    recognizer: Recognizer,
    lines: ReadFrames,
    accept: Acceptance = EVERYTHING,
) -> list[PageResult]:
    """Read every page of a document."""
    prepared = [prepare_page(document, name, page, templates) for page in range(len(document))]
    return read_pages(prepared, recognizer, lines, accept)


def prepare_page(document: Document, name: str, number: int, templates: Sequence[Template]) -> PreparedPage:
    """Open, register and cut page `number`, counted from 0; any failure becomes the page's reason."""
    try:
        return _prepared(match_and_register(document.page(number), templates), name, number + 1)
    except InkrayError as error:
        return failed_page(name, number + 1, reason_of(error, name))
    except Exception as error:  # noqa: BLE001 - one odd page must not end the run of a million others
        return failed_page(name, number + 1, _odd(error))


def failed_page(name: str, page: int, reason: Reason) -> PreparedPage:
    return PreparedPage(name, page, reason=reason)


def read_pages(
    pages: Sequence[PreparedPage], recognizer: Recognizer, lines: ReadFrames, accept: Acceptance
) -> list[PageResult]:
    """Read everything on the pages with one call of each engine, then decode each field under its constraints."""
    fields = [field for page in pages for field in page.fields]
    counts = np.cumsum([len(field.digits) for field in fields])
    reading = recognizer.read_prepared(np.concatenate([NO_DIGITS, *(field.digits for field in fields)]))
    digits = np.split(reading.probabilities, counts)[: len(fields)]
    frames = iter(lines([field.line.picture for field in fields if field.line]))
    parts = iter(
        [ModelOutputs(one, [next(frames)] if field.line else []) for field, one in zip(fields, digits, strict=True)]
    )
    results = []
    for page in pages:
        of_page = [next(parts) for _ in page.fields]
        results.append(_read_page(page, of_page, recognizer.classes, accept))
    return results


def _read_page(
    page: PreparedPage, outputs_of: Sequence[ModelOutputs], classes: Sequence[str], accept: Acceptance
) -> PageResult:
    try:
        outputs = zip(page.fields, outputs_of, strict=True)
        read = {one.field.name: one.read(of_field, classes, accept) for one, of_field in outputs}
        return _result(page, read, accept)
    except Exception as error:  # noqa: BLE001 - as above
        return _result(failed_page(page.source, page.page, _odd(error)), {}, accept)


def _result(page: PreparedPage, read: Mapping[str, FieldReading], accept: Acceptance) -> PageResult:
    if page.template is not None:
        read = apply_rules(page.template, read, accept)
    return PageResult(page.source, page.page, page.template, read, page.reason, page.picture, page.residual_mm)


def _prepared(straight: RegisteredPage, name: str, page: int) -> PreparedPage:
    fields = prepare_fields(straight)
    return PreparedPage(name, page, straight.template, None, fields, _picture(straight.image), straight.residual_mm)


def _picture(image: Grey) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])[1].tobytes()


def reason_of(error: InkrayError, name: str) -> Reason:
    """Convert the error to a reason, without the file name and page, which are shown beside it anyway."""
    text = re.sub(r"^(, page \d+)?: ", "", str(error).removeprefix(name))
    return Reason(_code_of(error), text.rstrip("."))


def _code_of(error: InkrayError) -> ReasonCode:
    if isinstance(error, NotRegistered):
        return error.code
    if isinstance(error, DocumentTimeout):
        return ReasonCode.TIMEOUT
    return ReasonCode.PROCESS_DIED if isinstance(error, DocumentCrash) else ReasonCode.UNREADABLE_FILE


def _odd(error: Exception) -> Reason:
    line = (str(error).strip().splitlines() or [""])[0]
    return Reason(ReasonCode.UNEXPECTED_FAILURE, f"it could not be worked on: {type(error).__name__}: {line}")
