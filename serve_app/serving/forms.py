"""Filled-in forms as JSON: their fields are those of the batch job's rows."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, cast

from pipelines.forms.pipeline import prepare_page, read_pages
from pipelines.forms.results import Acceptance, FieldReading, PageResult
from pipelines.forms.template import Template
from pipelines.inference.outcome import reason_columns
from pipelines.inference.recognizer import Recognizer
from serve_app.errors import InvalidRequest, NotFound, TooLarge
from serve_app.serving.batched_reader import BatchedReader
from serve_app.serving.dataplane import DataPlane, Upload, cancel_event
from serve_app.serving.registry import engine_of
from serve_app.serving.templates import parse


@dataclass(frozen=True)
class FormOptions:
    templates: tuple[str, ...] = ()
    """The names of the templates to choose from; all that are stored if empty."""
    inline: str | None = None
    """A template itself, in YAML, instead of names."""
    model: str | None = None
    picture: bool = False
    """Whether the answer includes an image of each page, straightened."""
    accept_above: float | None = None
    """The confidence from which a field is ok; None takes the threshold of the model that reads it."""


async def read_form(plane: DataPlane, document: Upload, options: FormOptions) -> dict[str, Any]:
    with cancel_event() as cancelled:
        return await plane.in_page_pool(_read, plane, plane.batched_reader(options.model), document, options, cancelled)


def _read(
    plane: DataPlane, reader: BatchedReader, document: Upload, options: FormOptions, cancelled: Event
) -> dict[str, Any]:
    templates, name = _templates(plane, options), document.name or "the document"
    accept = Acceptance.by(options.accept_above, reader.loaded.accept_above, plane.lines.accepted_above)
    pages = []
    with plane.documents.open(document.content, name) as opened:
        _check_pages(len(opened), plane.settings.pages, name)
        # Page by page, so that only one large scan is in memory at a time.
        for number in range(len(opened)):
            if cancelled.is_set():
                break
            prepared = prepare_page(opened, name, number, templates)
            pages += [
                _page_json(page, options) for page in read_pages([prepared], _as_reader(reader), plane.lines, accept)
            ]
    model, engine = reader.recognizer.model, engine_of(reader.recognizer)
    return {"model": model, "engine": engine, "lines": plane.lines.model, "pages": pages}


def _check_pages(count: int, most: int, name: str) -> None:
    if count > most:
        raise TooLarge(f"{name}: it has {count} pages; send at most {most}, and the rest in another request.")


def _as_reader(reader: BatchedReader) -> Recognizer:
    """The batched reader has all that `read_pages` needs of a recognizer."""
    return cast(Recognizer, reader)


def _templates(plane: DataPlane, options: FormOptions) -> Sequence[Template]:
    if options.inline is not None:
        if options.templates:
            raise InvalidRequest("The request both names a template and holds one; give either.")
        return [parse(options.inline)]
    names = options.templates or plane.templates.names()
    if not names:
        raise NotFound("There is no template yet; PUT one to /v1/templates/NAME, or send one in `inline`.")
    return [plane.templates.load(name) for name in names]


def _page_json(page: PageResult, options: FormOptions) -> dict[str, Any]:
    template = page.template
    page_json: dict[str, Any] = {
        "page": page.page,
        "template": template.name if template else None,
        "status": page.status,
        **reason_columns(page.reason),
        "width_mm": template.width if template else None,
        "height_mm": template.height if template else None,
        "fields": [_field(reading) for reading in page.fields.values()],
    }
    if options.picture and page.picture:
        page_json["picture"] = base64.b64encode(page.picture).decode()
    return page_json


def _field(reading: FieldReading) -> dict[str, Any]:
    return {
        "field": reading.field.name,
        "value": reading.value,
        "confidence": _rounded(reading.confidence),
        "status": reading.status,
        **reason_columns(reading.reason),
        "box": reading.field.box.to_json(),
        "cells": [
            {"label": cell.label, "confidence": _rounded(cell.confidence), "box": cell.box.to_json()}
            for cell in reading.cells
        ],
        "alternatives": [
            {"value": other.value, "probability": _rounded(other.probability)} for other in reading.alternatives
        ],
    }


def _rounded(share: float) -> float:
    return round(float(share), 5)
