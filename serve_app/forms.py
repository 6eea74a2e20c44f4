"""Filled-in forms, as the answers tell them: the fields as in the rows of the batch job."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, cast

from pipelines.forms.page_result import PageResult
from pipelines.forms.reading import prepare_page, read_pages
from pipelines.forms.readings import Acceptance, FieldReading
from pipelines.forms.template import Box, Template
from pipelines.recognizer import Recognizer
from serve_app.bridge import Bridge
from serve_app.dataplane import DataPlane, Picture, noticed
from serve_app.errors import NotThere, TooLarge, WrongBody
from serve_app.models import engine_of
from serve_app.templates import parse


@dataclass(frozen=True)
class FormWish:
    templates: tuple[str, ...] = ()
    """By name; none: whichever of all that are kept fits a page."""
    inline: str | None = None
    """A template itself, in YAML."""
    model: str | None = None
    picture: bool = False
    """Whether each straightened page comes along."""
    accept_above: float | None = None


async def read_form(plane: DataPlane, document: Picture, wish: FormWish) -> dict[str, Any]:
    with noticed() as gone:
        return await plane.in_long_pool(_read, plane, plane.bridge(wish.model), document, wish, gone)


def _read(plane: DataPlane, bridge: Bridge, document: Picture, wish: FormWish, gone: Event) -> dict[str, Any]:
    templates, name = _templates(plane, wish), document.name or "the document"
    accept = Acceptance.by(wish.accept_above, bridge.loaded.accept_above, plane.lines.accepted_above)
    pages = []
    with plane.documents.open(document.content, name) as opened:
        _check_pages(len(opened), plane.settings.pages, name)
        # Page by page, so that no more than one large scan lies in memory.
        for number in range(len(opened)):
            if gone.is_set():
                break
            prepared = prepare_page(opened, name, number, templates)
            pages += [_told(page, wish) for page in read_pages([prepared], _as_reader(bridge), plane.lines, accept)]
    model, engine = bridge.recognizer.model, engine_of(bridge.recognizer)
    return {"model": model, "engine": engine, "lines": plane.lines.model, "pages": pages}


def _check_pages(count: int, most: int, name: str) -> None:
    if count > most:
        raise TooLarge(f"{name}: it has {count} pages; send {most} at most, and the rest in another.")


def _as_reader(bridge: Bridge) -> Recognizer:
    """It reads as one, by way of the batches."""
    return cast(Recognizer, bridge)


def _templates(plane: DataPlane, wish: FormWish) -> Sequence[Template]:
    if wish.inline is not None:
        if wish.templates:
            raise WrongBody("The request names a template and brings one; give either.")
        return [parse(wish.inline)]
    names = wish.templates or plane.templates.names()
    if not names:
        raise NotThere("There is no template yet; PUT one to /v1/templates/NAME, or send one along.")
    return [plane.templates.load(name) for name in names]


def _told(page: PageResult, wish: FormWish) -> dict[str, Any]:
    template = page.template
    told: dict[str, Any] = {
        "page": page.page,
        "template": template.name if template else None,
        "status": page.status,
        "reason": page.reason,
        "width_mm": template.width if template else None,
        "height_mm": template.height if template else None,
        "fields": [_field(reading) for reading in page.fields.values()],
    }
    if wish.picture and page.picture:
        told["picture"] = base64.b64encode(page.picture).decode()
    return told


def _field(reading: FieldReading) -> dict[str, Any]:
    return {
        "field": reading.field.name,
        "value": reading.value,
        "confidence": _rounded(reading.confidence),
        "status": reading.status,
        "reason": reading.reason,
        "box": _box(reading.field.box),
        "cells": [
            {"label": cell.label, "confidence": _rounded(cell.confidence), "box": _box(cell.box)}
            for cell in reading.cells
        ],
        "alternatives": [
            {"value": other.value, "probability": _rounded(other.probability)} for other in reading.alternatives
        ],
    }


def _rounded(share: float) -> float:
    return round(float(share), 5)


def _box(box: Box) -> list[float]:
    return [round(side, 3) for side in (box.left, box.top, box.width, box.height)]
